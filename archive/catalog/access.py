# SPDX-License-Identifier: Apache-2.0
"""API keys, stored as the SHA-256 of a 256-bit random secret, and what each was granted."""

import hashlib
import hmac
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from archive.catalog.absent import insert_if_absent
from archive.catalog.tables import ops_api_key, ops_grant

SCOPES = ("read", "capture", "curate", "admin")
EVERY_RECORD = "*"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret, and what it may do. Times are RFC 3339 or None."""

    key_id: str
    scopes: frozenset[str]
    note: str = ""
    created_at: str = ""
    expires_at: str | None = None
    revoked_at: str | None = None
    last_used_at: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """That a key may see a record (`*`: every one) while it is restricted, since a time."""

    key_id: str
    record_id: str
    granted_at: str


def add_api_key(connection: Connection, key: ApiKey, secret: str) -> None:
    """Keep a key whose secret was shown once."""
    connection.execute(
        sa.insert(ops_api_key).values(
            key_id=key.key_id,
            secret_sha256=hashlib.sha256(secret.encode("utf-8")).hexdigest(),
            scopes=" ".join(sorted(key.scopes)),
            created_at=key.created_at,
            note=key.note,
            expires_at=key.expires_at,
        )
    )


def has_api_keys(connection: Connection) -> bool:
    """Whether any key was ever made."""
    return connection.execute(sa.select(ops_api_key.c.key_id).limit(1)).first() is not None


def find_api_key(connection: Connection, key_id: str, secret: str) -> ApiKey | None:
    """The key, when there is one with this ID and secret; compared in constant time."""
    row = connection.execute(sa.select(ops_api_key).where(ops_api_key.c.key_id == key_id)).first()
    given = hashlib.sha256(secret.encode("utf-8")).hexdigest()
    expected = row.secret_sha256 if row is not None else "0" * 64
    if not hmac.compare_digest(given, expected) or row is None:
        return None
    return _key(row)


def every_api_key(connection: Connection) -> list[ApiKey]:
    """Every key, in order of making."""
    ordered = sa.select(ops_api_key).order_by(ops_api_key.c.created_at, ops_api_key.c.key_id)
    return [_key(row) for row in connection.execute(ordered)]


def revoke_api_key(connection: Connection, key_id: str, revoked_at: str) -> bool:
    """End a key, for good; False when there is none. One that has ended keeps its time."""
    connection.execute(
        sa.update(ops_api_key)
        .where(ops_api_key.c.key_id == key_id, ops_api_key.c.revoked_at.is_(None))
        .values(revoked_at=revoked_at)
    )
    return has_api_key(connection, key_id)


def has_api_key(connection: Connection, key_id: str) -> bool:
    """Whether there is a key with this ID, ended or not."""
    return api_key_of(connection, key_id) is not None


def api_key_of(connection: Connection, key_id: str) -> ApiKey | None:
    """The key with this ID, ended or not, or None."""
    row = connection.execute(sa.select(ops_api_key).where(ops_api_key.c.key_id == key_id)).first()
    return None if row is None else _key(row)


def mark_used(connection: Connection, key_id: str, used_at: str, unless_after: str) -> None:
    """Note that a key was used, unless that is noted for a time after `unless_after`."""
    last = ops_api_key.c.last_used_at
    connection.execute(
        sa.update(ops_api_key)
        .where(ops_api_key.c.key_id == key_id, sa.or_(last.is_(None), last <= unless_after))
        .values(last_used_at=used_at)
    )


def add_grant(connection: Connection, key_id: str, record_id: str, granted_at: str) -> bool:
    """Let a key see a restricted record, or every one (`*`); False when it may already."""
    values = {"key_id": key_id, "record_id": record_id, "granted_at": granted_at}
    return insert_if_absent(connection, ops_grant, values)


def remove_grant(connection: Connection, key_id: str, record_id: str) -> bool:
    """Take a grant back; False when there is none."""
    removed = connection.execute(
        sa.delete(ops_grant).where(ops_grant.c.key_id == key_id, ops_grant.c.record_id == record_id)
    )
    return removed.rowcount > 0


def every_grant(connection: Connection) -> list[Grant]:
    """Every grant, by key."""
    return _grants(connection, sa.true())


def grants_for(connection: Connection, record_id: str) -> list[Grant]:
    """The grants by which a record may be seen, those of every record too, by key."""
    return _grants(connection, ops_grant.c.record_id.in_((record_id, EVERY_RECORD)))


def grant_of(connection: Connection, key_id: str, record_id: str) -> Grant | None:
    """The grant of this very record (or of `*`) to this key, or None."""
    same = sa.and_(ops_grant.c.key_id == key_id, ops_grant.c.record_id == record_id)
    return next(iter(_grants(connection, same)), None)


def _grants(connection: Connection, condition: sa.ColumnElement[bool]) -> list[Grant]:
    ordered = sa.select(ops_grant).order_by(ops_grant.c.key_id, ops_grant.c.record_id)
    return [Grant(**row) for row in connection.execute(ordered.where(condition)).mappings()]


def is_granted(connection: Connection, key_id: str, record_id: str) -> bool:
    """Whether the key was granted this record, or every one."""
    wanted = sa.select(ops_grant.c.key_id).where(
        ops_grant.c.key_id == key_id, ops_grant.c.record_id.in_((record_id, EVERY_RECORD))
    )
    return connection.execute(wanted).first() is not None


def _key(row: Row[tuple[object, ...]]) -> ApiKey:
    return ApiKey(
        key_id=row.key_id,
        scopes=frozenset(row.scopes.split()),
        note=row.note,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
