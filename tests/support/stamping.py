# SPDX-License-Identifier: Apache-2.0
"""A timestamp authority behind a loopback server, in good and bad moods, and who trusts it."""

import dataclasses
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives import serialization
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder
from rfc3161_client._rust import parse_timestamp_request
from support.authorities import Holder, Revoked, TimestampAuthority, Wish, crl, issued, now, root
from support.origin import Drip, Endless, Origin, Reply, Reset, Stall, response
from support.tokens import POLICY, TokenWish, rejection, token_of_digest

from archive.bootstrap import key_files
from archive.digests import sha256_hex
from archive.proofs.keyset_trust import Authority
from archive.services.context import Archive
from archive.services.keysets.amend import Amendment, amend
from archive.services.keysets.changes import with_authority
from archive.settings import Settings

TYPE = "application/timestamp-reply"
_DAY = dt.timedelta(days=1)
Answering = Callable[[bytes], Reply | bytes]


class TimeServer:
    """`openssl ts` behind HTTP. `mood` is changed by the test, and holds for the next answers.

    Its signer is issued by its root; both name lists on the same server when `has_lists`.
    """

    def __init__(
        self, folder: Path, name: str = "own", *, has_lists: bool = False, days: int = 30
    ) -> None:
        self.name = name
        self.origin = Origin()
        self.root = root(f"{name} root", now() + 365 * _DAY * 40)
        self.crl_url = self.origin.url("/own.crl") if has_lists else None
        self.revoked: list[Revoked] = []
        self.signer = self.issue(days=days)
        self.mood: Answering = self.good
        self._authority = TimestampAuthority(folder / name, self.signer, "")
        self._folder = folder
        self.origin.answer("/tsa", self._answer)
        self.origin.answer("/own.crl", lambda _request: response(self.list(), content_type=None))

    def __enter__(self) -> Self:
        self.origin.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.origin.close()

    @property
    def setting(self) -> str:
        """NAME=URL, for `timestamping.urls`."""
        return f"{self.name}={self.origin.url('/tsa')}"

    @property
    def root_der(self) -> bytes:
        """The root certificate in DER."""
        return self.root.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def trusted(self) -> Authority:
        """The authority as a keyset lists it."""
        return Authority(self.name, (sha256_hex(self.root_der),), (POLICY,), is_qualified=False)

    @property
    def asked(self) -> int:
        """How many tokens were asked for."""
        return len(self.origin.requests_for("/tsa"))

    def issue(self, *, days: int = 30, under: Holder | None = None, **wishes: object) -> Holder:
        """A certificate for timestamps."""
        wish = Wish(
            f"{self.name} signer",
            for_timestamps=True,
            valid_until=now() + days * _DAY,
            crl_url=self.crl_url,
        )
        changed = dataclasses.replace(wish, **wishes)  # type: ignore[arg-type]
        return issued(changed, under or self.root)

    def list(self) -> bytes:
        """The revocation list of its root, made now."""
        return crl(self.root, *self.revoked)

    def _answer(self, request: bytes) -> Reply | bytes:
        return self.mood(request)

    def good(self, request: bytes) -> bytes:
        """A token by openssl, now."""
        return response(self._authority.reply(query_of(request)), content_type=TYPE)

    def made(self, signer: Holder | None = None, **wishes: object) -> Answering:
        """Tokens made by hand over what is asked, wrong as wished."""

        def answer(request: bytes) -> bytes:
            asked = parse_timestamp_request(query_of(request))
            imprint = asked.message_imprint
            algorithm = {32: "sha256", 64: "sha512"}[len(imprint.message)]
            values = {"at": now(), "nonce": asked.nonce, "algorithm": algorithm, **wishes}
            digest = values.pop("digest", imprint.message)
            wish = TokenWish(**values)  # type: ignore[arg-type]
            made = token_of_digest(digest, signer or self.signer, wish)  # type: ignore[arg-type]
            return response(made, content_type=TYPE)

        return answer

    def token(self, message: bytes) -> bytes:
        """What it would answer now about a message, without a nonce."""
        query = TimestampRequestBuilder(message, HashAlgorithm.SHA256, nonce=False).build()
        answer = self.mood(b"\r\n\r\n" + query.as_bytes())
        assert isinstance(answer, bytes)
        return answer.partition(b"\r\n\r\n")[2]

    def unsorted(self, request: bytes) -> bytes:
        """A token by `openssl ts -reply -chain`, whose certificates are in no order."""
        others = (self.root, self.issue(), self.issue())
        return response(self._authority.reply(query_of(request), *others), content_type=TYPE)


def saying(data: bytes) -> Answering:
    """Always the same bytes."""
    return lambda _request: data


MOODS = (
    "down",
    "slow",
    "drips",
    "server error",
    "busy",
    "not found",
    "html",
    "huge",
    "rejects",
    "garbage",
    "unsorted",
    "early",
    "late",
    "other nonce",
    "other policy",
    "other data",
    "expired",
    "other root",
    "other root beside the genuine one",
    "no usage",
)


def bad_moods(server: TimeServer) -> dict[str, tuple[Answering, str]]:
    """Each bad mood by its name, and the code by which it is refused."""
    stranger = root("Somebody's root")
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\n\r\n"
    unavailable, refused = "TIMESTAMP_UNAVAILABLE", "TIMESTAMP_REFUSED"
    expired = server.issue(valid_from=now() - 9 * _DAY, valid_until=now() - 2 * _DAY)
    return {
        "down": (lambda _request: Reply((Reset(),)), unavailable),
        "slow": (lambda _request: Reply((Stall(),)), unavailable),
        "drips": (lambda _request: Reply((Drip(head + bytes(2000), 0.1),)), unavailable),
        "server error": (saying(response(b"", status="500 Internal Server Error")), unavailable),
        "busy": (saying(response(b"", status="503 Service Unavailable")), unavailable),
        "not found": (saying(response(b"", status="404 Not Found")), refused),
        "html": (saying(response(b"<p>Hello</p>")), refused),
        "huge": (lambda _request: Reply((head, Endless())), refused),
        "rejects": (saying(response(rejection(), content_type=TYPE)), refused),
        "garbage": (saying(response(b"garbage", content_type=TYPE)), "TS_UNPARSEABLE"),
        "unsorted": (server.unsorted, "TS_UNPARSEABLE"),
        "early": (server.made(at=now() - dt.timedelta(minutes=30)), "TS_BEFORE_CAPTURE"),
        "late": (server.made(at=now() + dt.timedelta(hours=3)), "TS_IN_FUTURE"),
        "other nonce": (server.made(nonce=4711), "TS_NONCE"),
        "other policy": (server.made(policy="1.2.3.4.9"), "TS_POLICY"),
        "other data": (server.made(digest=bytes(32)), "TS_IMPRINT_MISMATCH"),
        "expired": (server.made(expired), "TS_CHAIN"),
        "other root": (server.made(issued(Wish("x", for_timestamps=True), stranger)), "TS_CHAIN"),
        "other root beside the genuine one": (
            server.made(issued(Wish("x", for_timestamps=True), stranger), others=(server.root,)),
            "TS_CHAIN",
        ),
        "no usage": (server.made(issued(Wish("x"), server.root)), "TS_CHAIN"),
    }


def query_of(request: bytes) -> bytes:
    """The body of a request."""
    return request.partition(b"\r\n\r\n")[2]


def trusting(archive: Archive, settings: Settings, *servers: TimeServer) -> None:
    """The next keyset of the archive lists these authorities too."""
    changes = [with_authority(server.trusted) for server in servers]
    amend(
        archive,
        key_files(settings),
        Amendment(changes, [server.root_der for server in servers]),
    )
