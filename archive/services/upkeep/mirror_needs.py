# SPDX-License-Identifier: Apache-2.0
"""Which content a signed file names, so that a mirror never has the one without the other."""

from archive import canonical
from archive.errors import MalformedEvidence, StorageError
from archive.model.imported import ImportGroup
from archive.model.inventory import Inventory
from archive.model.proof_batch import PROOFS, ProofBatch
from archive.model.redaction import Redaction
from archive.model.statement import INVENTORY, Statement
from archive.proofs.dsse import read_envelope
from archive.services.stamping.proof_batches import place_of
from archive.storage.base import Store
from archive.storage.layout import STATEMENTS, blob_key, inventory_key, read_key

_LIMIT = canonical.CONTENT_LIMIT
_SIGNED = {"keyset", "statement", "observation", "assertion"}


def needed_by(store: Store, key: str) -> frozenset[str]:
    """The keys of the content that a signed file, or a listing of proofs, names; else none.

    A file that cannot be read names nothing that anyone could miss: what it is, the audit says.
    """
    place = read_key(key)
    if place.file == PROOFS:
        return _batch_files(store, key)
    if place.role not in _SIGNED:
        return frozenset()
    try:
        subjects = Statement.from_bytes(read_envelope(store.get(key)).payload).subjects
    except (MalformedEvidence, StorageError):
        return frozenset()
    if INVENTORY not in subjects:
        contents = [blob_key(sha256) for sha256 in subjects.values()]
        given = [key for content in contents for key in _imported(store, place.kind, content)]
        return frozenset((*contents, *given))
    own = place.capture_id
    inventory = inventory_key(own) if own else blob_key(subjects[INVENTORY])
    return frozenset({inventory, *_containers(store, inventory)})


def erased_keys(store: Store) -> dict[str, str | None]:
    """The keys that redactions in the store say are erased, and what holds the rest of each.

    Read without judging signatures: it decides what is copied, and what is told.
    """
    found: dict[str, str | None] = {}
    for item in store.list(f"{STATEMENTS}redaction/"):
        if read_key(item.key).kind != "redaction":
            continue
        for content in needed_by(store, item.key):
            try:
                said = Redaction.from_json(canonical.loads(store.get(content), _LIMIT))
            except (MalformedEvidence, StorageError):
                continue
            for gone in said.replaced:
                new = None if gone.new is None else blob_key(gone.new.sha256)
                found[blob_key(gone.old.sha256)] = new
    return found


def _batch_files(store: Store, key: str) -> frozenset[str]:
    place = read_key(key)
    try:
        files = ProofBatch.from_bytes(store.get(key)).files
    except (MalformedEvidence, StorageError):
        return frozenset()
    return frozenset(place_of(place.name, place.batch, file) for file in files)


def _imported(store: Store, kind: str, content: str) -> list[str]:
    """The files that an import speaks of: the one that was given, and the one it is read from."""
    if kind != "import":
        return []
    try:
        group = ImportGroup.from_json(canonical.loads(store.get(content), _LIMIT))
    except (MalformedEvidence, StorageError):
        return []
    return [blob_key(sha256) for sha256 in {group.source.sha256, group.container_sha256}]


def _containers(store: Store, inventory: str) -> list[str]:
    try:
        containers = Inventory.from_bytes(store.get(inventory)).containers
    except (MalformedEvidence, StorageError):
        return []
    return [blob_key(item.sha256) for item in containers]
