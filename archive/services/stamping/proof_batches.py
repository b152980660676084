# SPDX-License-Identifier: Apache-2.0
"""Batches of proofs in the store: read for judging, stored whole, and taken in as rows.

A batch is visible once its listing is there, which is stored last. What a broken run left of one
stays unlisted, and the next batch takes the next number.
"""

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archive.catalog.time_tokens import TokenRow
from archive.checks.evidence import Absent, StoredBatch
from archive.clock import rfc3339
from archive.digests import sha256_hex
from archive.errors import MalformedEvidence, MalformedProofs, ObjectMissing, StorageError
from archive.model.proof_batch import (
    CERTIFICATE,
    IN_BATCH,
    PROOFS,
    ProofBatch,
    ProofFile,
)
from archive.proofs.certificates import read_der
from archive.proofs.time_token import read_token
from archive.proofs.timestamp import middle, signer_of
from archive.storage.base import Store
from archive.storage.layout import blob_key, proof_key, proofs_prefix, read_key


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A batch to be stored: its listing, and the bytes of each file that it lists, by name."""

    listing: ProofBatch
    files: Mapping[str, bytes]


def batch_numbers(store: Store, subject: str) -> tuple[int, ...]:
    """The numbers of the subject's whole batches, in order. Raises StorageError."""
    return tuple(
        sorted(number for number, names in _listed(store, subject).items() if PROOFS in names)
    )


def stored_batches(store: Store, subject: str) -> tuple[StoredBatch, ...]:
    """Every whole batch about a subject, by number, with what could not be read named.

    Raises StorageError when the store cannot be listed.
    """
    return tuple(_stored(store, subject, number) for number in batch_numbers(store, subject))


def batches_or_absent(store: Store, subject: str) -> tuple[StoredBatch, ...]:
    """As `stored_batches`; when they cannot be listed, one that says so."""
    try:
        return stored_batches(store, subject)
    except StorageError as error:
        unlisted = Absent(error.code, f"its proofs cannot be listed: {error}", is_certain=False)
        return (StoredBatch(0, unlisted, {}),)


def store_batch(store: Store, subject: str, new: NewBatch) -> int:
    """Store a batch under the next free number, which is returned.

    Raises StorageError: what is there of it then is no batch.
    """
    number = max(_listed(store, subject), default=0) + 1
    objects = {place_of(subject, number, file): new.files[file.name] for file in new.listing.files}
    store.put_many(list(objects.items()))
    store.put(proof_key(subject, number, PROOFS), new.listing.to_bytes())
    return number


def adopt_batch(store: Store, subject: str, number: int) -> list[TokenRow]:
    """The rows of a batch, of which every file is there and is what the listing says.

    Whether its tokens are good is for the claims. Raises MalformedEvidence, StorageError.
    """
    data = _got(store, proof_key(subject, number, PROOFS))
    listing = ProofBatch.from_bytes(data)
    files = {}
    for file in listing.files:
        key = place_of(subject, number, file)
        files[file.name] = _got(store, key)
        if sha256_hex(files[file.name]) != file.sha256:
            raise MalformedProofs(f"{key} has other bytes than its batch lists")
    return rows_of(subject, number, NewBatch(listing, files))


def rows_of(subject: str, number: int, batch: NewBatch) -> list[TokenRow]:
    """The rows of a batch whose bytes are at hand. Raises MalformedEvidence."""
    proofs_sha256 = sha256_hex(batch.listing.to_bytes())
    return [
        TokenRow(
            subject=subject,
            batch=number,
            authority=file.authority or "",
            role=batch.listing.role,
            gen_time=rfc3339(at),
            half_at=rfc3339(middle(at, ends_at)),
            ends_at=rfc3339(ends_at),
            token_sha256=file.sha256,
            proofs_sha256=proofs_sha256,
            checkpoint_size=int(subject) if subject.isdecimal() else None,
        )
        for file in batch.listing.tokens
        for at, ends_at in [_times(batch, file)]
    ]


def digests_of(store: Store, key: str) -> tuple[int, str, str] | Absent:
    """Size, SHA-256 and SHA-512 of what lies under a key, whatever its size."""
    digests, size = (hashlib.sha256(), hashlib.sha512()), 0
    try:
        for chunk in store.stream(key):
            size += len(chunk)
            for digest in digests:
                digest.update(chunk)
    except ObjectMissing as error:
        return Absent(error.code, f"{key} is not in the store", is_certain=True)
    except StorageError as error:
        return Absent(error.code, f"{key}: {error}", is_certain=False)
    return size, digests[0].hexdigest(), digests[1].hexdigest()


def keys_of(subject: str, batch: StoredBatch) -> tuple[str, ...]:
    """Where the files of a batch lie, its listing first. Raises MalformedEvidence."""
    if isinstance(batch.listing, Absent):
        raise MalformedProofs(batch.listing.detail)
    listing = ProofBatch.from_bytes(batch.listing)
    places = (place_of(subject, batch.number, file) for file in listing.files)
    return (proof_key(subject, batch.number, PROOFS), *places)


def _listed(store: Store, subject: str) -> dict[int, set[str]]:
    """The files in the folders of batches, by number, whole or not."""
    found: dict[int, set[str]] = {}
    for item in store.list(proofs_prefix(subject)):
        place = read_key(item.key)
        if place.batch:
            found.setdefault(place.batch, set()).add(place.file)
    return found


def _stored(store: Store, subject: str, number: int) -> StoredBatch:
    listing = _read(store, proof_key(subject, number, PROOFS))
    files: dict[str, bytes | Absent] = {}
    if isinstance(listing, bytes):
        try:
            listed: Sequence[ProofFile] = ProofBatch.from_bytes(listing).files
        except MalformedEvidence:
            listed = ()
        files = {file.name: _read(store, place_of(subject, number, file)) for file in listed}
    return StoredBatch(number, listing, files)


def place_of(subject: str, number: int, file: ProofFile) -> str:
    """Where a file that a batch lists lies."""
    if file.role in IN_BATCH:
        return proof_key(subject, number, file.name)
    return blob_key(file.sha256)


def _times(batch: NewBatch, file: ProofFile) -> tuple[dt.datetime, dt.datetime]:
    """The token's time, and when its signer's certificate ends."""
    token = read_token(batch.files[file.name])
    if token.at != file.gen_time:
        raise MalformedProofs(f"{file.name} states another time than its batch lists")
    company = batch.listing.of_role(CERTIFICATE, file.authority)
    given = (*token.carried, *(read_der(batch.files[one.name]) for one in company))
    leaf = signer_of(token, given)
    if leaf is None:
        raise MalformedProofs(f"{file.name} comes without the certificate of its signer")
    return token.at, leaf.not_valid_after_utc


def _got(store: Store, key: str) -> bytes:
    try:
        return store.get(key)
    except ObjectMissing as error:
        raise MalformedProofs(f"{key} is missing, though its batch lists it") from error


def _read(store: Store, key: str) -> bytes | Absent:
    try:
        return store.get(key)
    except ObjectMissing as error:
        return Absent(error.code, f"{key} is not in the store", is_certain=True)
    except StorageError as error:
        return Absent(error.code, f"{key} cannot be read: {error}", is_certain=False)
