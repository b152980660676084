# SPDX-License-Identifier: Apache-2.0
"""Tells whether this archive can serve now: its catalogue and its store both answer."""

import logging

from archive.errors import MalformedKeyset, MunimentError
from archive.services.context import Archive
from archive.services.trust import has_keyset

OK = "ok"
_log = logging.getLogger(__name__)


def readiness(archive: Archive) -> dict[str, str]:
    """Each thing that serving needs, with `ok` or the code of what is wrong with it."""

    def catalog() -> None:
        archive.database.check_schema()
        # No record can have this ID, so the read is of the index alone.
        archive.hot.record("-")

    def store() -> None:
        if not has_keyset(archive.store):
            raise MalformedKeyset("the store holds no keyset: run `muniment init`")

    answers = {}
    for name, check in (("catalog", catalog), ("store", store)):
        try:
            check()
        except MunimentError as error:
            _log.warning("not ready: %s: %s", name, error)
            answers[name] = error.code
        else:
            answers[name] = OK
    return answers
