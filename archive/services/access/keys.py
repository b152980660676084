# SPDX-License-Identifier: Apache-2.0
"""API keys: made, ended, listed, and told from one another by their secret.

A key is `mk_<id>_<secret>`; the catalogue keeps the digest of its secret only. A wrong secret
and an unknown key look the same from outside; that a key has ended is told to its bearer alone.
No scope includes another: a key for everything lists all four.
"""

import base64
import datetime as dt
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from archive.canonical import JsonValue
from archive.catalog import access
from archive.catalog.access import EVERY_RECORD, SCOPES, ApiKey, Grant
from archive.clock import parse_rfc3339, rfc3339
from archive.errors import ApiKeyExpired, ApiKeyRevoked, ApiKeyUnknown, InputError, NotFound
from archive.ids import RecordId
from archive.model.custody import CustodyEvent
from archive.services.context import Archive
from archive.services.custody import queue

SECRET_BYTES = 32
USE_NOTED_SECONDS = 60
OPERATOR = "operator"
GOOD = "good"
_NOTE_LIMIT = 200
_KEY_ID = re.compile(r"[0-9a-f]{1,16}", re.ASCII)
_TOKEN = re.compile(r"mk_([0-9a-f]{1,16})_([A-Za-z0-9_-]{1,128})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks: the bearer of a key, or with `key_id` None somebody without one."""

    key_id: str | None = None
    scopes: frozenset[str] = frozenset()


ANYONE = Reader()


def authenticate(archive: Archive, token: str) -> Reader:
    """The bearer of the key that this token is.

    Raises ApiKeyUnknown, ApiKeyExpired, ApiKeyRevoked.
    """
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise ApiKeyUnknown("this is no API key: one looks like mk_<id>_<secret>")
    with archive.database.reading() as connection:
        key = access.find_api_key(connection, match[1], match[2])
    if key is None:
        raise ApiKeyUnknown("the API key is not known here, or its secret is wrong")
    if key.revoked_at is not None:
        raise ApiKeyRevoked(f"the API key was revoked on {key.revoked_at[:10]}")
    if key.expires_at is not None and parse_rfc3339(key.expires_at) <= archive.clock.now():
        raise ApiKeyExpired(f"the API key expired on {key.expires_at[:10]}")
    return Reader(key.key_id, key.scopes)


def make_api_key(
    archive: Archive, scopes: Sequence[str], note: str, expires: dt.datetime | None = None
) -> str:
    """A new API key, `mk_<id>_<secret>`; only the digest of its secret is kept.

    Raises InputError for an unknown scope, none, or an end that has passed.
    """
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        named = f"unknown scope {', '.join(unknown)}" if unknown else "a key needs a scope"
        raise InputError(f"{named}: there are {', '.join(SCOPES)}")
    now = archive.clock.now()
    if expires is not None and expires <= now:
        raise InputError(f"the key would have expired already, at {rfc3339(expires)}")
    if len(note) > _NOTE_LIMIT or not note.isprintable():
        raise InputError(f"a note is one line of at most {_NOTE_LIMIT} characters")
    key_id = secrets.token_hex(8)
    secret = base64.urlsafe_b64encode(archive.random_bytes(SECRET_BYTES)).rstrip(b"=").decode()
    key = ApiKey(
        key_id,
        frozenset(scopes),
        note=note,
        created_at=rfc3339(now),
        expires_at=None if expires is None else rfc3339(expires),
    )
    with archive.database.writing() as connection:
        access.add_api_key(connection, key, secret)
    return f"mk_{key_id}_{secret}"


def list_api_keys(archive: Archive) -> list[ApiKey]:
    """Every key that was ever made, in order of making."""
    with archive.database.reading() as connection:
        return access.every_api_key(connection)


def revoke_api_key(archive: Archive, key_id: str) -> ApiKey:
    """The key, ended for good. Raises NotFound."""
    with archive.database.writing() as connection:
        _key(connection, key_id)
        access.revoke_api_key(connection, key_id, rfc3339(archive.clock.now()))
        return _key(connection, key_id)


def key_json(key: ApiKey, now: dt.datetime) -> dict[str, JsonValue]:
    """A key as the command line and the API tell it, without its secret."""
    return {
        "key_id": key.key_id,
        "scopes": sorted(key.scopes),
        "state": _key_state(key, now),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
        "note": key.note,
    }


def note_use(archive: Archive, key_id: str) -> None:
    """Note that a key was used, unless that was noted within the last minute."""
    now = archive.clock.now()
    before = now - dt.timedelta(seconds=USE_NOTED_SECONDS)
    with archive.database.appending() as connection:
        access.mark_used(connection, key_id, rfc3339(now), rfc3339(before))


def grant(archive: Archive, key_id: str, record_id: RecordId | None, actor: str = OPERATOR) -> bool:
    """Let a key see a restricted record, or with None every one; False when it may already.

    Custody tells of it. Raises NotFound when there is no such key, and InputError for a key that
    may not read or has ended: it would see nothing.
    """
    now = archive.clock.now()
    with archive.database.writing() as connection:
        key = _key(connection, key_id)
        if "read" not in key.scopes or _key_state(key, now) != GOOD:
            raise InputError(
                f"the API key {key_id} lacks the scope read or has ended: grant another"
            )
        is_new = access.add_grant(connection, key_id, _granted(record_id), rfc3339(now))
        if is_new:
            queue(connection, _event("grant", key_id, record_id, actor, now))
    return is_new


def withdraw_grant(
    archive: Archive, key_id: str, record_id: RecordId | None, actor: str = OPERATOR
) -> None:
    """Take a grant back; custody tells of it. Raises NotFound when there is none."""
    with archive.database.writing() as connection:
        _key(connection, key_id)
        if not access.remove_grant(connection, key_id, _granted(record_id)):
            raise NotFound(f"the API key {key_id} has no such grant")
        queue(connection, _event("grant-end", key_id, record_id, actor, archive.clock.now()))


def list_grants(archive: Archive) -> list[Grant]:
    """Every grant, by key."""
    with archive.database.reading() as connection:
        return access.every_grant(connection)


def grants_for(archive: Archive, record_id: RecordId) -> list[Grant]:
    """The grants by which a record may be seen, those of every record too."""
    with archive.database.reading() as connection:
        return access.grants_for(connection, str(record_id))


def find_grant(archive: Archive, key_id: str, record_id: RecordId) -> Grant:
    """The grant of this record to this key. Raises NotFound."""
    with archive.database.reading() as connection:
        found = access.grant_of(connection, key_id, str(record_id))
    if found is None:
        raise NotFound(f"the API key {key_id} has no such grant")
    return found


def _event(
    event: str, key_id: str, record_id: RecordId | None, actor: str, now: dt.datetime
) -> CustodyEvent:
    records = () if record_id is None else (record_id,)
    return CustodyEvent(event, rfc3339(now), actor, records, f"API key {key_id}")


def _key(connection: Connection, key_id: str) -> ApiKey:
    # Whatever is no ID is not asked for: databases differ in what text they take.
    key = access.api_key_of(connection, key_id) if _KEY_ID.fullmatch(key_id) else None
    if key is None:
        raise NotFound(f"there is no API key {key_id[:32]}")
    return key


def _key_state(key: ApiKey, now: dt.datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    is_over = key.expires_at is not None and parse_rfc3339(key.expires_at) <= now
    return "expired" if is_over else GOOD


def _granted(record_id: RecordId | None) -> str:
    return EVERY_RECORD if record_id is None else str(record_id)
