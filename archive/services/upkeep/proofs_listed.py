# SPDX-License-Identifier: Apache-2.0
"""Holds the batches of proofs in the store against the catalogue's rows of them, for the audit.

Whether a token is good, the claims about its record say; here it is whether batches are there,
whole, and listed.
"""

from collections.abc import Iterator, Mapping, Sequence

from archive.catalog.time_tokens import TokenRow, every_token
from archive.checks.stamped import CHECKPOINT_FILE, Stampable, Trust, judged_tokens
from archive.checks.ts_rfc3161 import CLAIM
from archive.errors import MalformedEvidence, ObjectMissing, StorageError
from archive.model.proof_batch import IN_BATCH, PROOFS, ProofBatch
from archive.proofs.log_layout import checkpoint_key
from archive.services.context import Archive
from archive.services.damage import Damage
from archive.services.stamping.pinned_authorities import pinned_authorities
from archive.services.stamping.proof_batches import adopt_batch, stored_batches
from archive.services.trust import keyset_chain
from archive.services.verifying.agreement import CLAIM as CATALOG_CLAIM
from archive.storage.layout import blob_key, proof_key, read_key

_Batch = tuple[str, int]


def proof_damages(archive: Archive, keys: Sequence[str]) -> tuple[list[Damage], set[str]]:
    """What is not sound about the batches among these keys; and the keys that sound ones need."""
    with archive.database.reading() as connection:
        rows = every_token(connection)
    listed: dict[_Batch, list[TokenRow]] = {}
    for row in rows:
        listed.setdefault((row.subject, row.batch), []).append(row)
    stored: dict[_Batch, set[str]] = {}
    for key in keys:
        place = read_key(key)
        if place.batch:
            stored.setdefault((place.name, place.batch), set()).add(place.file)
    needed: set[str] = set()
    found = [damage for batch in stored.items() for damage in _of(archive, batch, listed, needed)]
    found += [
        Damage(proof_key(*batch, PROOFS), CLAIM.id, "OBJECT_MISSING", "the batch is not there")
        for batch in listed
        if PROOFS not in stored.get(batch, ())
    ]
    return found, needed


def _of(
    archive: Archive,
    batch: tuple[_Batch, set[str]],
    listed: Mapping[_Batch, Sequence[TokenRow]],
    needed: set[str],
) -> Iterator[Damage]:
    (subject, number), files = batch
    if PROOFS not in files:
        return  # what a broken run left: unreferenced, and harmless
    place = proof_key(subject, number, PROOFS)
    needed.add(place)
    try:
        rows = adopt_batch(archive.store, subject, number)
        listing = ProofBatch.from_bytes(archive.store.get(place))
    except MalformedEvidence as error:
        needed.update(proof_key(subject, number, name) for name in files)
        # Of a capture's batch its record's claims say so, and of which file.
        if subject.isdecimal():
            yield Damage(place, CLAIM.id, error.code, str(error))
        return
    except StorageError as error:
        yield Damage(place, CLAIM.id, error.code, str(error), is_certain=False)
        return
    own = {file.name for file in listing.files if file.role in IN_BATCH}
    needed.update(proof_key(subject, number, name) for name in own)
    needed.update(blob_key(file.sha256) for file in listing.files if file.role not in IN_BATCH)
    for name in sorted(files - own - {PROOFS}):
        key = proof_key(subject, number, name)
        needed.add(key)
        yield Damage(key, CLAIM.id, "PROOF_UNLISTED", "it lies in a batch that does not list it")
    if subject.isdecimal():
        yield from _of_checkpoint(archive, subject, number)
    known = listed.get((subject, number))
    if known is None:
        detail = "a whole batch that is not in the catalogue: run `muniment rebuild`"
        yield Damage(place, CATALOG_CLAIM.id, "NOT_CATALOGUED", detail)
    elif list(known) != rows:
        detail = "the catalogue differs from what is stored: run `muniment rebuild`"
        yield Damage(place, CATALOG_CLAIM.id, "CATALOG_DISAGREES", detail)


def _of_checkpoint(archive: Archive, size: str, number: int) -> Iterator[Damage]:
    """What is wrong with tokens over a checkpoint, which no claim about one record is about."""
    try:
        note = archive.store.get(checkpoint_key(int(size)))
    except StorageError as error:
        is_certain = isinstance(error, ObjectMissing)
        yield Damage(checkpoint_key(int(size)), CLAIM.id, error.code, str(error), is_certain)
        return
    batches = [one for one in stored_batches(archive.store, size) if one.number <= number]
    trust = Trust(pinned_authorities(archive.store, keyset_chain(archive)), archive.clock.now())
    for one in judged_tokens(batches, Stampable(note, None, CHECKPOINT_FILE), trust):
        verdict = one.verdict
        if one.batch == number and verdict.code:
            key = proof_key(size, number, f"{one.authority}.tsr")
            yield Damage(key, CLAIM.id, verdict.code, verdict.detail, verdict.is_certain)
