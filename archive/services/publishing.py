# SPDX-License-Identifier: Apache-2.0
"""Publishes what was logged, whenever something was, and never fails those who log.

What cannot be published now is pending: the store is away, a key is not here, or the log stands
still because something contradicts it. The next that can publish does so for all.
"""

import logging
from functools import partial

from archive.catalog import log as rows
from archive.errors import LogForkDetected, LogStopped, MunimentError
from archive.proofs.checkpoint import SignedCheckpoint
from archive.services.context import Archive, log_signing_key
from archive.services.transparency import log_of
from archive.services.trust import trusted_keyset
from archive.translog.publish import publish

_log = logging.getLogger(__name__)


def publish_log(archive: Archive) -> SignedCheckpoint | None:
    """The newest checkpoint, with all that is logged; None without a log, or an empty one.

    Raises LogForkDetected, LogStopped, LogKeyMissing, SigningError, StorageError, CatalogError,
    MalformedEvidence.
    """
    with archive.database.reading() as connection:
        head = rows.log_head_of(connection)
    if head is None:
        return None
    keyset = trusted_keyset(archive)
    log = log_of(archive, keyset)
    if log is None:
        return None
    key = log_signing_key(archive, keyset)
    if key is None:
        return None
    return publish(log, key.sign, lambda _: ())


def publish_soon(archive: Archive) -> None:
    """Let this process publish in the background what was just logged."""
    archive.publisher.nudge(partial(_publish_quietly, archive))


def publish_pending(archive: Archive) -> bool:
    """Let this process publish what others left; whether there is anything."""
    with archive.database.reading() as connection:
        head = rows.log_head_of(connection)
    is_pending = head is not None and head.published < head.appended
    if is_pending:
        publish_soon(archive)
    return is_pending


def _publish_quietly(archive: Archive) -> None:
    try:
        publish_log(archive)
    except (LogForkDetected, LogStopped) as error:
        _log.error("the log is not published: %s: %s", error.code, error)
    except MunimentError as error:
        _log.warning("the log is not published yet: %s: %s", error.code, error)
