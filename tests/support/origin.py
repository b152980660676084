# SPDX-License-Identifier: Apache-2.0
"""A loopback HTTP/1.1 origin that sends exactly the bytes it is told, well-behaved or not.

    with Origin() as origin:
        origin.page("/terms", b"<p>terms</p>")
        origin.add("/cut", b"HTTP/1.1 200 OK\\r\\nContent-Length: 9\\r\\n\\r\\n", b"half", Reset())
        fetcher.fetch(origin.url("/terms"))
        origin.requests  # what came in, byte for byte

A reply is a row of steps: bytes to send, or a `Wait`, `Drip`, `Endless`, `Stall` or `Reset`. After
the last one the connection is closed, unless `keep_alive` is set.
"""

import contextlib
import datetime as dt
import ipaddress
import pathlib
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Wait:
    """Pauses between two steps."""

    seconds: float


@dataclass(frozen=True)
class Drip:
    """Sends the data byte by byte with a pause after each."""

    data: bytes
    pause_seconds: float


@dataclass(frozen=True)
class Endless:
    """Sends the piece again and again until the client has gone."""

    piece: bytes = b"0" * 65536


@dataclass(frozen=True)
class Stall:
    """Sends nothing more and keeps the connection open until the origin is closed."""


@dataclass(frozen=True)
class Reset:
    """Breaks the connection off with a TCP reset."""


Step = bytes | Wait | Drip | Endless | Stall | Reset


@dataclass(frozen=True)
class Reply:
    """What one path answers."""

    steps: tuple[Step, ...]
    keep_alive: bool = False


def response(
    body: bytes,
    *,
    status: str = "200 OK",
    content_type: str | None = "text/html; charset=utf-8",
    headers: Mapping[str, str] | tuple[tuple[str, str], ...] = (),
) -> bytes:
    """The bytes of a plain response with a Content-Length."""
    pairs = [("Content-Type", content_type)] if content_type is not None else []
    pairs += headers.items() if isinstance(headers, Mapping) else headers
    pairs.append(("Content-Length", str(len(body))))
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in pairs), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def chunked(*chunks: bytes) -> bytes:
    """The chunks in chunked transfer coding, last chunk included."""
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


class Origin:
    """Serves on a free port of `host`; a context manager."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.requests: list[bytes] = []
        self.connection_count = 0
        self._host = host
        self._tls = tls
        self._replies: dict[str, Reply | Callable[[bytes], Reply | bytes]] = {}
        self._listener = socket.create_server((host, 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def url(self, path: str = "/", host: str | None = None) -> str:
        """The full URL of a path on this origin."""
        scheme = "https" if self._tls else "http"
        return f"{scheme}://{host or self._host}:{self.port}{path}"

    def add(
        self, path: str, *steps: Step, raw: bytes | None = None, keep_alive: bool = False
    ) -> None:
        """Answers requests for `path` (query included) with these exact steps."""
        first = () if raw is None else (raw,)
        self._replies[path] = Reply((*first, *steps), keep_alive)

    def page(
        self,
        path: str,
        body: bytes | str,
        *,
        status: str = "200 OK",
        content_type: str | None = "text/html; charset=utf-8",
        headers: Mapping[str, str] | tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Answers with a well-formed response and keeps the connection open."""
        payload = body.encode() if isinstance(body, str) else body
        raw = response(payload, status=status, content_type=content_type, headers=headers)
        self._replies[path] = Reply((raw,), keep_alive=True)

    def redirect(self, path: str, location: str, status: str = "302 Found") -> None:
        """Answers with a redirect."""
        self.page(path, b"", status=status, content_type=None, headers={"Location": location})

    def answer(self, path: str, make: Callable[[bytes], Reply | bytes]) -> None:
        """Answers with what `make` returns for the request's bytes."""
        self._replies[path] = make

    def requests_for(self, path: str) -> list[bytes]:
        """The requests received for a path, in order."""
        return [request for request in self.requests if _path(request) == path]

    def close(self) -> None:
        """Ends all connections and waits for all threads."""
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    # Not SSLSocket.shutdown: it takes the TLS state from under its thread.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=10)

    def _start(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connection_count += 1
            self._start(self._serve, connection)

    def _serve(self, plain: socket.socket) -> None:
        connection = plain
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                connection = self._tls.wrap_socket(
                    plain, server_side=True, do_handshake_on_connect=False
                )
            with self._lock:
                self._open.add(connection)
            if self._closing.is_set():
                return
            if isinstance(connection, ssl.SSLSocket):
                connection.do_handshake()
            self._converse(connection)
        except OSError:
            # The client has gone, or refused the certificate: what many tests want to see.
            pass
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _converse(self, connection: socket.socket) -> None:
        received = b""
        while not self._closing.is_set():
            while b"\r\n\r\n" not in received:
                piece = connection.recv(65536)
                if not piece:
                    return
                received += piece
            head, _, received = received.partition(b"\r\n\r\n")
            while len(received) < (length := _body_length(head)):
                piece = connection.recv(65536)
                if not piece:
                    return
                received += piece
            request = head + b"\r\n\r\n" + received[:length]
            received = received[length:]
            self.requests.append(request)
            reply = self._replies.get(_path(request))
            if callable(reply):
                made = reply(request)
                reply = made if isinstance(made, Reply) else Reply((made,))
            if reply is None:
                reply = Reply((response(b"no such page\n", status="404 Not Found"),), True)
            for step in reply.steps:
                self._take(step, connection)
            if not reply.keep_alive or b"connection: close" in head.lower():
                self._end(connection)
                return

    def _take(self, step: Step, connection: socket.socket) -> None:
        if isinstance(step, bytes):
            connection.sendall(step)
        elif isinstance(step, Wait):
            self._closing.wait(step.seconds)
        elif isinstance(step, Drip):
            for value in step.data:
                connection.sendall(bytes([value]))
                if self._closing.wait(step.pause_seconds):
                    return
        elif isinstance(step, Endless):
            while not self._closing.is_set():
                connection.sendall(step.piece)
        elif isinstance(step, Stall):
            self._closing.wait()
        else:
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.close()

    def _end(self, connection: socket.socket) -> None:
        if isinstance(connection, ssl.SSLSocket):
            connection.settimeout(1)
            connection.unwrap()
        else:
            connection.shutdown(socket.SHUT_WR)


def _body_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def _path(request: bytes) -> str:
    return request.split(b" ", 2)[1].decode("latin-1")


class Authority:
    """A throw-away certificate authority, for origins over TLS."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Throw-away test authority")
        self._certificate = self._issue(self._name, self._key.public_key(), names=None)

    def server_context(
        self, *names: str, lifetime: dt.timedelta = dt.timedelta(days=1)
    ) -> ssl.SSLContext:
        """A server context with a certificate for host names or addresses (127.0.0.1)."""
        key = ec.generate_private_key(ec.SECP256R1())
        hosts = names or ("127.0.0.1",)
        leaf = self._issue(_name(hosts[0]), key.public_key(), names=hosts, lifetime=lifetime)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "leaf.pem")
            file.write_bytes(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
                + leaf.public_bytes(serialization.Encoding.PEM)
            )
            context.load_cert_chain(file)
        return context

    def client_context(self) -> ssl.SSLContext:
        """A client context that trusts this authority alone."""
        pem = self._certificate.public_bytes(serialization.Encoding.PEM)
        return ssl.create_default_context(cadata=pem.decode("ascii"))

    def _issue(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        *,
        names: tuple[str, ...] | None,
        lifetime: dt.timedelta = dt.timedelta(days=1),
    ) -> x509.Certificate:
        end = dt.datetime.now(dt.UTC) + lifetime
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - dt.timedelta(days=2))
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=names is None, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        if names is not None:
            alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
            builder = builder.add_extension(alternatives, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
