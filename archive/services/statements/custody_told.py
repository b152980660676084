# SPDX-License-Identifier: Apache-2.0
"""The signed statements that tell of a record's custody, read out of the store."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence

from archive.catalog.statements import StatementRow, count_about, statements_about
from archive.checks.evidence import Absent, CustodyStatement
from archive.errors import MalformedEvidence, ObjectMissing, StorageError
from archive.ids import RecordId
from archive.model.custody import TOLD, SignedCustody
from archive.proofs.keyset import REVOKED, Keyset
from archive.services.context import Archive
from archive.services.statements.adopt import KeyNotAllowed, adopt_assertion
from archive.services.statements.assertion import Stated
from archive.storage.layout import blob_key

KINDS_TOLD = tuple(TOLD)

TimeOf = Callable[[StatementRow], dt.datetime | None]
"""Gives a time by which a statement was there for certain, as others say."""


def custody_told(
    archive: Archive,
    record_id: RecordId,
    keyset: Keyset,
    time_of: TimeOf = lambda _row: None,
) -> tuple[CustodyStatement, ...]:
    """The statements that the catalogue lists for a record, by kind, in order of making.

    `time_of` gives a time by which one was there for certain. It is asked only where the key that
    signed is revoked, for nothing else rests on it.
    """
    with archive.database.reading() as connection:
        rows = [
            row for kind in KINDS_TOLD for row in statements_about(connection, str(record_id), kind)
        ]
    return tuple(_dated(row, _signed(archive, keyset, row), keyset, time_of) for row in rows)


def custody_files(archive: Archive, record_id: RecordId) -> Iterator[tuple[str, bytes, bytes]]:
    """Digest, envelope and content of each statement listed for a record, as stored.

    Raises StorageError, ObjectMissing when one is not there.
    """
    with archive.database.reading() as connection:
        rows = [
            row for kind in KINDS_TOLD for row in statements_about(connection, str(record_id), kind)
        ]
    for row in rows:
        content = archive.store.get(blob_key(row.content_sha256))
        yield row.statement_sha256, archive.store.get(row.envelope_key), content


def signed_custody(stated: Stated) -> SignedCustody:
    """What a statement of one of these kinds says and how it is bound."""
    said = stated.predicate
    return SignedCustody(stated.row.kind, stated.content, said.made_at, said.previous, said.signer)


def _signed(archive: Archive, keyset: Keyset, row: StatementRow) -> SignedCustody | Absent:
    try:
        return signed_custody(adopt_assertion(archive.store, keyset, row.envelope_key))
    except KeyNotAllowed as error:
        return Absent("CUSTODY_KEY", f"{error.code}: {error}", is_certain=True)
    except (ObjectMissing, MalformedEvidence) as error:
        return Absent(error.code, f"{row.envelope_key}: {error}", is_certain=True)
    except StorageError as error:
        return Absent(error.code, f"{row.envelope_key}: {error}", is_certain=False)


def _dated(
    row: StatementRow, signed: SignedCustody | Absent, keyset: Keyset, time_of: TimeOf
) -> CustodyStatement:
    key = None if isinstance(signed, Absent) else keyset.keys.get(signed.signer.keyid)
    is_revoked = key is not None and key.state == REVOKED
    return CustodyStatement(row.statement_sha256, signed, time_of(row) if is_revoked else None)


def grouped(
    read: Sequence[Stated],
    unread: Sequence[tuple[str, Sequence[str]]],
    keyset: Keyset,
    time_of: TimeOf,
) -> dict[RecordId, list[CustodyStatement]]:
    """Statements of these kinds by the record that they tell of.

    `unread` are those that cannot be read, each with the record IDs that the catalogue lists.
    `time_of` is as for `custody_told`.
    """
    found: dict[RecordId, list[CustodyStatement]] = {}
    for item in (item for item in read if item.row.kind in KINDS_TOLD):
        for record in item.content.records:
            signed = _dated(item.row, signed_custody(item), keyset, time_of)
            found.setdefault(record, []).append(signed)
    for digest, names in unread:
        absent = Absent("OBJECT_MISSING", "it cannot be read", is_certain=False)
        for record in [record for record in found if str(record) in names]:
            found[record].append(CustodyStatement(digest, absent))
    return found


def count_told(archive: Archive, record_id: str) -> int:
    """How many statements the catalogue lists for a record: each takes reading to verify it."""
    with archive.database.reading() as connection:
        return sum(count_about(connection, record_id, kind) for kind in KINDS_TOLD)
