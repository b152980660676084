# SPDX-License-Identifier: Apache-2.0
"""The same request with the same key is done once and answered alike, for a day.

As in the IETF draft on the Idempotency-Key header. The intent to handle a request is kept before
the deed, the answer after it; both outlive the process. When the process dies between the two,
the next request with that key takes over, and first asks what the dead one did.
"""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from archive.catalog import idempotency
from archive.catalog.idempotency import KeptRequest
from archive.catalog.sequence import Reservation
from archive.clock import rfc3339
from archive.digests import sha256_hex
from archive.errors import CatalogError, IdempotencyInProgress, IdempotencyKeyReused
from archive.services.context import Archive
from archive.services.ownership import ASSERTION, is_gone, this_process

KEPT_HOURS = 24


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as it was given. `headers` is the caller's own encoding of them."""

    status: int
    headers: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Begun:
    """A request that is to be handled now. `token` names its key, `began_at` is RFC 3339."""

    token: str
    began_at: str
    is_first: bool

    @property
    def since(self) -> str | None:
        """When a dead process began to handle it, or None when this is the first time."""
        return None if self.is_first else self.began_at

    @property
    def name(self) -> str:
        """A name for this request, whoever handles it, and for none that gives its key later."""
        return f"{self.token} {self.began_at}"


def begin(archive: Archive, owner_key: str, request_sha256: str) -> KeptAnswer | Begun:
    """The answer that the request got, or the word to handle it.

    `owner_key` is who asks and the key that they gave. Raises IdempotencyKeyReused when it came
    with another request, IdempotencyInProgress while the first is under way.
    """
    now = archive.clock.now()
    token = sha256_hex(owner_key.encode("utf-8"))
    asked = KeptRequest(
        token=token,
        request_sha256=request_sha256,
        owner=this_process(),
        began_at=rfc3339(now),
        ends_at=rfc3339(now + dt.timedelta(hours=KEPT_HOURS)),
    )
    archive.owed.settle(archive.database)
    is_asked = False
    try:
        with archive.database.appending() as connection:
            is_asked = True
            return _begun_or_kept(connection, asked, now)
    except CatalogError:
        if is_asked:
            # The row may be there all the same, and nobody is at it.
            archive.owed.give_back(
                archive.database, lambda connection: idempotency.take_back(connection, asked)
            )
        raise


def _begun_or_kept(
    connection: Connection, asked: KeptRequest, now: dt.datetime
) -> KeptAnswer | Begun:
    idempotency.forget_ended(connection, rfc3339(now))
    known = idempotency.begin_request(connection, asked)
    if known is None:
        return Begun(asked.token, asked.began_at, is_first=True)
    if known.request_sha256 != asked.request_sha256:
        raise IdempotencyKeyReused(
            "this Idempotency-Key came with another request; send a new one with a new request"
        )
    if known.status is not None:
        return KeptAnswer(known.status, known.headers or "", known.body or b"")
    if not _is_left(known, now) or not idempotency.take_over(connection, known, asked.owner):
        raise IdempotencyInProgress("the first request with this key is under way: ask later")
    return Begun(asked.token, known.began_at, is_first=False)


def finish(archive: Archive, begun: Begun, answer: KeptAnswer) -> None:
    """Keep the answer for whoever sends the request again; later, when the catalogue is away."""

    def keep(connection: Connection) -> None:
        idempotency.keep_answer(connection, begun.token, answer.status, answer.headers, answer.body)

    archive.owed.give_back(archive.database, keep)


def give_up(archive: Archive, begun: Begun, *, did_nothing: bool) -> None:
    """End a request without an answer: as if it never came, or with what it did left open.

    Later, when the catalogue is away.
    """
    owner = this_process()
    end = idempotency.forget_request if did_nothing else idempotency.leave_open
    archive.owed.give_back(archive.database, lambda connection: end(connection, begun.token, owner))


def _is_left(known: KeptRequest, now: dt.datetime) -> bool:
    if not known.owner:
        return True
    return is_gone(Reservation(ASSERTION, 0, known.owner, known.began_at), now)
