# SPDX-License-Identifier: Apache-2.0
"""A loopback server that speaks enough of S3's protocol to misbehave like real ones did.

boto3 talks to it over HTTP as to any server; what it should do wrong is set on the instance.
"""

import base64
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


@dataclass
class FaultyS3:
    """What the server holds, what it was asked, and its faults. Keys begin with the bucket."""

    objects: dict[str, bytes] = field(default_factory=dict)
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    endpoint: str = ""
    conditional: str = "honoured"
    """Or `ignored` (overwrites in silence), or `unsupported` (501)."""
    conflicts_left: int = 0
    """So many conditional puts are answered 409 ConditionalRequestConflict."""
    refuses_crc: bool = False
    """400 for the CRC headers and trailers that boto3 adds by default since 1.36."""
    checks_digest: bool = True
    damages: bool = False
    """Flips one bit of what it stores."""
    etag: str = '"0123456789abcdef0123456789abcdef-14"'
    """Of a multipart object by default: no MD5 of anything."""
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Key to the status and code that every request for it is answered with."""
    refused_methods: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Method to the status and code that every such request is answered with."""
    date: str | None = None
    """The `Date` header of every answer instead of the true one; empty for none."""
    ignores_range: bool = False
    cuts_body: bool = False
    """Closes the connection in the middle of a body."""
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def faulty_s3() -> Iterator[FaultyS3]:
    """A running server, stopped when the block ends."""
    state = FaultyS3()
    handler = type("Handler", (_Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    state.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    state: FaultyS3
    protocol_version = "HTTP/1.1"
    timeout = 5

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self._noted_and_refused():
            return
        refusal = self._refusal_of_put(body)
        if refusal is not None:
            self._fail(*refusal)
            return
        self._answer(200, b"")

    def do_GET(self) -> None:
        self._read(with_body=True)

    def do_HEAD(self) -> None:
        self._read(with_body=False)

    def do_DELETE(self) -> None:
        if not self._noted_and_refused():
            self.state.objects.pop(self._key(), None)
            self._answer(204, b"")

    def log_message(self, *_: object) -> None:
        """Nothing: the tests read `seen`."""

    def _key(self) -> str:
        return unquote(urlsplit(self.path).path).lstrip("/")

    def _noted_and_refused(self) -> bool:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.state.seen.append((self.command, self._key(), headers))
        refusal = self.state.refused_methods.get(self.command)
        refusal = refusal or self.state.refusals.get(self._key())
        if refusal is not None:
            self._fail(*refusal)
        return refusal is not None

    def _refusal_of_put(self, body: bytes) -> tuple[int, str] | None:
        state, headers, key = self.state, self.headers, self._key()
        chunked = "aws-chunked" in headers.get("Content-Encoding", "")
        if state.refuses_crc and (
            chunked or "x-amz-trailer" in headers or "x-amz-checksum-crc32" in headers
        ):
            return 400, "InvalidRequest"
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        if state.checks_digest and headers.get("x-amz-checksum-sha256", digest) != digest:
            return 400, "BadDigest"
        with state.lock:
            if headers.get("If-None-Match") == "*":
                if state.conditional == "unsupported":
                    return 501, "NotImplemented"
                if state.conflicts_left:
                    state.conflicts_left -= 1
                    return 409, "ConditionalRequestConflict"
                if state.conditional == "honoured" and key in state.objects:
                    return 412, "PreconditionFailed"
            damaged = bytes([body[0] ^ 1]) + body[1:] if state.damages and body else body
            state.objects[key] = damaged
        return None

    def _read(self, *, with_body: bool) -> None:
        if self._noted_and_refused():
            return
        data = self.state.objects.get(self._key())
        if data is None:
            self._fail(404, "NoSuchKey")
            return
        wanted = self.headers.get("Range")
        if wanted is None or self.state.ignores_range:
            self._answer(200, data, with_body=with_body)
            return
        first, last = map(int, wanted.removeprefix("bytes=").split("-"))
        content_range = f"bytes {first}-{last}/{len(data)}"
        self._answer(206, data[first : last + 1], content_range=content_range)

    def _fail(self, status: int, code: str) -> None:
        secret = self.headers.get("Authorization", "")
        xml = f"<Error><Code>{code}</Code><Message>you sent {secret}</Message></Error>"
        self._answer(status, xml.encode(), with_body=self.command != "HEAD")

    def _answer(
        self, status: int, body: bytes, *, with_body: bool = True, content_range: str = ""
    ) -> None:
        self.send_response_only(status)
        if date := self.state.date if self.state.date is not None else self.date_time_string():
            self.send_header("Date", date)
        self.send_header("ETag", self.state.etag)
        self.send_header("Content-Length", str(len(body)))
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        if self.state.cuts_body and self.command == "GET":
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
        elif with_body and status != 204:
            self.wfile.write(body)
