# SPDX-License-Identifier: Apache-2.0
"""Whether the store is there, can be read, and may be written to."""

from collections.abc import Iterator

from archive.errors import (
    SettingsError,
    StorageError,
    StorageRefused,
    StorageUnavailable,
)
from archive.services.doctor.diagnosis import Diagnosis, fail, ok, unknown, warn
from archive.services.upkeep.installation import Installation
from archive.storage.base import Examinable, Store, Writing
from archive.storage.layout import KEYSETS

_REACH = "mount the disk or start the server; if store.url or store.endpoint is wrong, correct it"


def examine(installation: Installation) -> Iterator[Diagnosis]:
    """Reads one object, and asks whether it could be stored."""
    try:
        store = installation.find_store()
        keyset = next((item.key for item in store.list(KEYSETS)), None)
        if keyset is not None:
            store.get(keyset)
    except SettingsError as error:
        yield fail("store.reachable", str(error), "correct store.url or store.endpoint")
        return
    except StorageUnavailable as error:
        yield fail("store.reachable", str(error), _REACH)
        return
    except StorageError as error:
        yield fail("store.reachable", str(error), "give this archive the right to list and read it")
        return
    if keyset is None:
        yield fail(
            "store.reachable",
            "the store can be read, and holds no keyset",
            "for a new archive run `muniment init`; else correct store.url",
        )
        return
    yield ok("store.reachable", "the store was listed and read")
    yield _writable(store, keyset)


def _writable(store: Store, key: str) -> Diagnosis:
    check = "store.writable"
    if not isinstance(store, Examinable):
        return unknown(check, "a store of this kind cannot be asked", "capture a page to see")
    try:
        seen = store.check_writable(key)
    except StorageRefused as error:
        return fail(check, str(error), "give this archive the right to write to its store")
    except StorageError as error:
        return unknown(check, str(error), "look again when the store answers")
    if seen is Writing.CREATES_ONLY:
        return ok(check, "it takes new objects, and refuses to overwrite")
    if seen is Writing.OVERWRITES:
        return warn(
            check,
            "it takes objects, and overwrites where it was asked to create only",
            "let nobody else write there, or use a server that honours If-None-Match",
        )
    return unknown(check, "it cannot be asked without storing something", "capture a page to see")
