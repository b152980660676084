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

from archive.catalog import access
from archive.catalog.access import EVERY_RECORD, SCOPES, ApiKey
from archive.clock import parse_rfc3339, rfc3339
from archive.errors import ApiKeyExpired, ApiKeyRevoked, ApiKeyUnknown, InputError, NotFound
from archive.ids import RecordId
from archive.services.context import Archive

SECRET_BYTES = 32
USE_NOTED_SECONDS = 60
_NOTE_LIMIT = 200
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


def revoke_api_key(archive: Archive, key_id: str) -> None:
    """End a key, for good. Raises NotFound."""
    with archive.database.writing() as connection:
        if not access.revoke_api_key(connection, key_id, rfc3339(archive.clock.now())):
            raise NotFound(f"there is no API key {key_id}")


def note_use(archive: Archive, key_id: str) -> None:
    """Note that a key was used, unless that was noted within the last minute."""
    now = archive.clock.now()
    before = now - dt.timedelta(seconds=USE_NOTED_SECONDS)
    with archive.database.appending() as connection:
        access.mark_used(connection, key_id, rfc3339(now), rfc3339(before))


def grant(archive: Archive, key_id: str, record_id: RecordId | None) -> bool:
    """Let a key see a restricted record, or with None every one; False when it may already.

    Raises NotFound when there is no such key.
    """
    with archive.database.writing() as connection:
        if not access.has_api_key(connection, key_id):
            raise NotFound(f"there is no API key {key_id}")
        now = rfc3339(archive.clock.now())
        return access.add_grant(connection, key_id, _granted(record_id), now)


def withdraw_grant(archive: Archive, key_id: str, record_id: RecordId | None) -> None:
    """Take a grant back. Raises NotFound when there is none."""
    with archive.database.writing() as connection:
        if not access.remove_grant(connection, key_id, _granted(record_id)):
            raise NotFound(f"the API key {key_id} has no such grant")


def list_grants(archive: Archive, key_id: str | None = None) -> list[tuple[str, str, str]]:
    """Key ID, record ID (`*` for every record) and time of each grant."""
    with archive.database.reading() as connection:
        return access.grants_of(connection, key_id)


def _granted(record_id: RecordId | None) -> str:
    return EVERY_RECORD if record_id is None else str(record_id)
