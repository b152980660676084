# SPDX-License-Identifier: Apache-2.0
"""Signs an act on a record, after the acts of its kind that were signed before."""

from archive.catalog import evidence
from archive.errors import InputError, NotFound
from archive.ids import RecordId
from archive.model.act import REASON_LIMIT, Act, is_line
from archive.services.context import Archive, signing_key
from archive.services.custody import note_key_use
from archive.services.effects.standing import Said, Standing, latest_act, standing_of
from archive.services.statements.assertion import Assertion, state
from archive.services.trust import trusted_keyset

OPERATOR = "operator"


def required_standing(archive: Archive, record_id: RecordId) -> Standing:
    """How a record stands. Raises NotFound."""
    require_record(archive, record_id)
    return standing_of(archive, str(record_id))


def require_record(archive: Archive, record_id: RecordId) -> str:
    """The digest of the record's statement. Raises NotFound."""
    with archive.database.reading() as connection:
        row = evidence.capture_by_id(connection, str(record_id))
    if row is None:
        raise NotFound(f"there is no record {record_id}")
    return str(row.statement_sha256)


def last_said(archive: Archive, record_id: RecordId, kind: str) -> Said | None:
    """The act of a kind that counts for a record now."""
    with archive.database.reading() as connection:
        return latest_act(connection, str(record_id), kind)


def next_number(said: Said | None) -> int:
    """The number of the act after this one."""
    return 1 if said is None else said.act.rank[0] + 1


def declare(archive: Archive, kind: str, act: Act, previous: Said | None) -> None:
    """Sign an act and list it. Raises NotFound, SigningError, StorageError."""
    about = [require_record(archive, record) for record in act.records[:1]]
    key = signing_key(archive, trusted_keyset(archive))
    note_key_use(archive, key)
    before = previous.statement_sha256 if previous else None
    state(archive, key, [Assertion(kind, act.to_json(), tuple(about), before)])


def check_reason(reason: str, name: str = "reason", limit: int = REASON_LIMIT) -> None:
    """Raise InputError unless the reason is one line within the limit."""
    if not is_line(reason, limit):
        raise InputError(f"{name}: give one line of at most {limit} characters")
