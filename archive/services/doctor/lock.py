# SPDX-License-Identifier: Apache-2.0
"""Whether what the settings lock is what was promised, and what the store was seen to do."""

from collections.abc import Iterator

from archive import canonical
from archive.catalog.statements import statements_of_kind
from archive.errors import (
    CatalogError,
    MalformedEvidence,
    MunimentError,
    StorageError,
)
from archive.model.lock import LockPromise
from archive.model.probe import ProbeResult
from archive.services.doctor.diagnosis import Diagnosis, fail, ok, unknown, warn
from archive.services.upkeep.installation import Installation
from archive.storage.base import Store
from archive.storage.layout import blob_key

_CHECK = "lock.promise"


def examine(installation: Installation) -> Iterator[Diagnosis]:
    """Compares store.lock with the latest probe of the store."""
    try:
        store = installation.find_store()
    except MunimentError:
        return  # the store's own check says what is wrong
    try:
        probe = _latest(installation, store)
    except (CatalogError, StorageError, MalformedEvidence) as error:
        yield unknown(_CHECK, str(error), "mend what the other lines name first, then look again")
        return
    promised = probe.promise if probe else None
    if promised != store.promise:
        what = f"store.lock gives {_shown(store.promise)}, and {_shown(promised)} was promised last"
        mend = "run `muniment probe` to promise what is set from now on, or set it back"
        yield fail(_CHECK, what, mend)
    elif promised is None:
        yield ok(_CHECK, "no lock is promised")
    elif probe and probe.is_kept is False:
        what = f"{_shown(promised)} is promised, and the store was seen not to do it"
        yield fail(_CHECK, what, "use a bucket made with object lock, then run `muniment probe`")
    elif probe and probe.is_kept is None:
        what = (
            f"{_shown(promised)} is promised; the probe, which may delete nothing, could not see it"
        )
        yield warn(_CHECK, what, "run `muniment probe` once with credentials that may delete")
    else:
        yield ok(_CHECK, f"{_shown(promised)} is promised, and the store was seen to do it")


def _latest(installation: Installation, store: Store) -> ProbeResult | None:
    """What the latest probe of the store says, by the catalogue; its signature is audit's."""
    database = installation.open_database()
    try:
        database.check_schema()
        with database.reading() as connection:
            rows = statements_of_kind(connection, "probe")
    finally:
        database.close()
    for row in rows:
        content = canonical.loads_canonical(store.get(blob_key(row.content_sha256)))
        probe = ProbeResult.from_json(content)
        if probe.store == store.name:
            return probe
    return None


def _shown(promise: LockPromise | None) -> str:
    return "no lock" if promise is None else f"{promise.level} for {promise.days} days"
