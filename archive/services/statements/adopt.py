# SPDX-License-Identifier: Apache-2.0
"""Reads what was signed back out of the store, for recovery and for rebuilding the catalogue.

Only what a key of the trusted keyset signed that was allowed to is adopted, and only when inventory
and containers are there; whether every byte is sound is `audit`'s question. What a key signed that
was revoked later is adopted where a trusted time could still show it good: the claims say so.
"""

from archive import canonical
from archive.catalog.statements import StatementRow
from archive.clock import parse_rfc3339
from archive.digests import sha256_hex
from archive.errors import MalformedEvidence, MalformedInventory, MalformedStatement, ObjectMissing
from archive.ids import RecordId
from archive.model.content import ContentPredicate
from archive.model.inventory import Inventory, expected_subjects
from archive.model.look import Look
from archive.model.statement import (
    CAPTURE_V1,
    CONTENT,
    CONTENT_TYPES,
    INVENTORY,
    OBSERVATION_V1,
    Statement,
)
from archive.proofs.dsse import Envelope, read_envelope
from archive.proofs.key_state import KeyFault, Signing, key_fault
from archive.proofs.keyset import MANIFEST, Keyset
from archive.services.statements.assertion import Stated
from archive.services.statements.content_kinds import KINDS
from archive.services.statements.record import SignedLook
from archive.storage.base import Store
from archive.storage.layout import blob_key, inventory_key, read_key


class FurtherSignature(MalformedStatement):
    """A sound envelope of another key than the statement names as its signer: no second record."""


class KeyNotAllowed(MalformedStatement):
    """A sound signature by a key that was not allowed to make it; the code says why not."""

    def __init__(self, fault: KeyFault, envelope_key: str) -> None:
        super().__init__(f"{envelope_key}: {fault.detail}")
        self.code = fault.code


def adopt_capture(store: Store, keyset: Keyset, envelope_key: str) -> SignedLook:
    """The capture whose envelope lies under this key.

    Raises MalformedEvidence when anything about it does not hold, StorageError when it cannot
    be read.
    """
    capture_id = read_key(envelope_key).capture_id
    if capture_id is None:
        raise MalformedStatement(f"{envelope_key} is not the place of a capture's statement")
    data = store.get(envelope_key)
    statement, envelope = _opened(data, keyset, CAPTURE_V1, envelope_key)
    inventory_bytes = _get(store, inventory_key(capture_id))
    signed = _signed(statement, envelope, inventory_bytes, data, envelope_key)
    _check_capture(signed, statement, capture_id)
    _check_key(keyset, envelope, signed.look.claimed_time, envelope_key)
    return signed


def adopt_observation(store: Store, keyset: Keyset, envelope_key: str) -> SignedLook:
    """The observation whose envelope lies under this key. Raises as `adopt_capture`."""
    data = store.get(envelope_key)
    statement, envelope = _opened(data, keyset, OBSERVATION_V1, envelope_key)
    if read_key(envelope_key).name != sha256_hex(envelope.payload):
        raise MalformedStatement(f"{envelope_key} holds the statement of another digest")
    inventory_bytes = _get(store, blob_key(statement.subjects.get(INVENTORY, "0" * 64)))
    signed = _signed(statement, envelope, inventory_bytes, data, envelope_key)
    if signed.look.capture_id is not None or signed.inventory.capture_id is not None:
        raise MalformedStatement("an observation names a capture")
    _check_key(keyset, envelope, signed.look.claimed_time, envelope_key)
    return signed


def adopt_assertion(store: Store, keyset: Keyset, envelope_key: str) -> Stated:
    """The statement over a content file whose envelope lies here. Raises as `adopt_capture`."""
    data = store.get(envelope_key)
    place = read_key(envelope_key)
    statement, envelope = _opened(data, keyset, CONTENT_TYPES[place.kind], envelope_key)
    if place.name != sha256_hex(envelope.payload):
        raise MalformedStatement(f"{envelope_key} holds the statement of another digest")
    if list(statement.subjects) != [CONTENT]:
        raise MalformedStatement(f"{envelope_key} has other subjects than its content")
    predicate = ContentPredicate.from_json(statement.predicate)
    if predicate.signer.keyid != envelope.keyid:
        raise FurtherSignature(f"{envelope_key} is a further signature of its statement")
    _check_key(keyset, envelope, predicate.made_at, envelope_key)
    content_sha256 = statement.subjects[CONTENT]
    content = _get(store, blob_key(content_sha256))
    if sha256_hex(content) != content_sha256:
        raise MalformedStatement(f"the content of {envelope_key} has another digest")
    row = StatementRow(
        statement_sha256=place.name,
        kind=place.kind,
        content_sha256=content_sha256,
        made_at=predicate.made_at,
        envelope_key=envelope_key,
        envelope_sha256=sha256_hex(data),
    )
    value = canonical.loads_canonical(content, canonical.CONTENT_LIMIT)
    return Stated(row, predicate, KINDS[place.kind].read(value))


def _opened(
    data: bytes, keyset: Keyset, kind: str, envelope_key: str
) -> tuple[Statement, Envelope]:
    envelope = read_envelope(data)
    if read_key(envelope_key).keyid8 != envelope.keyid[:8]:
        raise MalformedStatement(f"{envelope_key} is named for another key than signed it")
    listed = keyset.keys.get(envelope.keyid)
    if listed is None or not listed.key.verifies(envelope.signature, envelope.signed_bytes()):
        raise MalformedStatement(f"{envelope_key} is not signed by a key of the trusted keyset")
    statement = Statement.from_bytes(envelope.payload)
    if statement.predicate_type != kind:
        raise MalformedStatement(f"{envelope_key} holds another kind of statement")
    return statement, envelope


def _check_key(keyset: Keyset, envelope: Envelope, claimed: str, envelope_key: str) -> None:
    fault = key_fault(keyset.keys[envelope.keyid], Signing(MANIFEST, parse_rfc3339(claimed)))
    if fault is not None and fault.is_final:
        raise KeyNotAllowed(fault, envelope_key)


def _signed(
    statement: Statement,
    envelope: Envelope,
    inventory_bytes: bytes,
    data: bytes,
    envelope_key: str,
) -> SignedLook:
    if statement.subjects.get(INVENTORY) != sha256_hex(inventory_bytes):
        raise MalformedInventory(f"{envelope_key} signs another inventory than is stored")
    inventory = Inventory.from_bytes(inventory_bytes)
    look = Look.from_predicate(statement.predicate)
    if look.signer.keyid != envelope.keyid:
        raise FurtherSignature(f"{envelope_key} is a further signature of its statement")
    return SignedLook(
        look=look.whole(statement.predicate, inventory.overflow),
        inventory=inventory,
        inventory_sha256=sha256_hex(inventory_bytes),
        statement_sha256=sha256_hex(envelope.payload),
        envelope_sha256=sha256_hex(data),
        envelope_key=envelope_key,
    )


def _check_capture(signed: SignedLook, statement: Statement, capture_id: RecordId) -> None:
    if signed.look.capture_id != capture_id or signed.inventory.capture_id != capture_id:
        raise MalformedStatement(f"a statement of another record lies at {capture_id}")
    if dict(statement.subjects) != expected_subjects(signed.inventory, signed.inventory_sha256):
        raise MalformedStatement(f"statement and inventory of {capture_id} disagree")


def _get(store: Store, key: str) -> bytes:
    try:
        return store.get(key)
    except ObjectMissing as error:
        raise MalformedEvidence(f"{key} is missing, though a statement names it") from error
