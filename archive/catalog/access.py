# SPDX-License-Identifier: Apache-2.0
"""API keys: stored as the SHA-256 of a 256-bit random secret, never in clear."""

import hashlib
import hmac
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archive.catalog.tables import ops_api_key

SCOPES = ("read", "capture", "curate", "admin")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key's public half and what it may do."""

    key_id: str
    scopes: frozenset[str]


def add_api_key(
    connection: Connection, key: ApiKey, secret: str, created_at: str, note: str
) -> None:
    """Keep a key whose secret was shown once."""
    connection.execute(
        sa.insert(ops_api_key).values(
            key_id=key.key_id,
            secret_sha256=hashlib.sha256(secret.encode("utf-8")).hexdigest(),
            scopes=" ".join(sorted(key.scopes)),
            created_at=created_at,
            note=note,
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
    return ApiKey(row.key_id, frozenset(row.scopes.split()))
