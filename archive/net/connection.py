# SPDX-License-Identifier: Apache-2.0
"""One connection to one vetted address that keeps every byte it sends and receives.

HTTP/1.1 only, and no library in between: what such a library repairs or hides is the evidence.
"""

import hashlib
import select
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from archive.net.deadline import Deadline
from archive.net.failures import TimedOut, TlsFailed, TransferError, Unreachable
from archive.net.framing import keeps_alive
from archive.net.guard import Address
from archive.net.receiving import ExchangeLimits, Response, ResponseReader

_CONNECT_ATTEMPTS_LIMIT = 4


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect: vetted addresses in the order to try; `tls` set for https."""

    host: str
    port: int
    addresses: Sequence[Address]
    tls: ssl.SSLContext | None


def client_tls_context() -> ssl.SSLContext:
    """A context that trusts the machine's authorities and checks the host name."""
    context = ssl.create_default_context()
    offer_http1_only(context)
    return context


def offer_http1_only(context: ssl.SSLContext) -> None:
    """Makes the context offer HTTP/1.1 alone: its bytes can be kept as they were, h2's cannot."""
    context.set_alpn_protocols(["http/1.1"])


class Connection:
    """An open connection. Use `connect` to make one; close it when `is_reusable` turns False."""

    def __init__(self, opened: socket.socket, address: str) -> None:
        self._socket = opened
        self.address = address
        self.tls_leaf_sha256: str | None = None
        self.is_reusable = True
        if isinstance(opened, ssl.SSLSocket):
            leaf = opened.getpeercert(binary_form=True)
            self.tls_leaf_sha256 = hashlib.sha256(leaf).hexdigest() if leaf else None

    def close(self) -> None:
        """Closes the socket; harmless when it is closed."""
        self.is_reusable = False
        self._socket.close()

    @property
    def is_stale(self) -> bool:
        """Whether an idle connection was closed by the server, or got bytes nobody asked for."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))

    def exchange(self, request: bytes, deadline: Deadline, limits: ExchangeLimits) -> Response:
        """Sends the request and reads one response; a failure is part of the answer."""
        self.is_reusable = False
        reader = ResponseReader(self._receive, deadline, limits)
        failure: TransferError | None = None
        try:
            self._send(request, deadline, limits)
            reader.read()
        except TransferError as error:
            failure = error
        response = reader.response(failure)
        if failure is None and response.head is not None:
            self.is_reusable = reader.is_at_boundary and keeps_alive(response.head)
        return response

    def _send(self, request: bytes, deadline: Deadline, limits: ExchangeLimits) -> None:
        self._socket.settimeout(deadline.seconds_left(limits.read_timeout_seconds))
        try:
            self._socket.sendall(request)
        except TimeoutError as error:
            raise TimedOut("the server did not take the request in time") from error
        except OSError as error:
            raise Unreachable("the server closed the connection before answering") from error

    def _receive(self, most: int, timeout_seconds: float) -> bytes:
        self._socket.settimeout(timeout_seconds)
        return self._socket.recv(most)


def connect(endpoint: Endpoint, deadline: Deadline, timeout_seconds: float) -> Connection:
    """A connection to the first address that answers.

    Raises Unreachable, TimedOut or TlsFailed, for the last address tried. The addresses are used
    as given and never looked up again. Proxy variables of the environment are ignored: a proxy
    would choose the address itself.
    """
    failure: TransferError = Unreachable(f"{endpoint.host} has no address to connect to")
    for address in endpoint.addresses[:_CONNECT_ATTEMPTS_LIMIT]:
        try:
            return _connect_one(address, endpoint, deadline.seconds_left(timeout_seconds))
        except (Unreachable, TimedOut) as error:
            failure = error
    raise failure


def _connect_one(address: Address, endpoint: Endpoint, timeout_seconds: float) -> Connection:
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.settimeout(timeout_seconds)
        opened.connect((str(address), endpoint.port))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if endpoint.tls is not None:
            opened = _with_tls(opened, endpoint.tls, endpoint.host)
    except BaseException as error:
        opened.close()
        if isinstance(error, TimeoutError):
            raise TimedOut(f"{endpoint.host} did not accept a connection in time") from error
        if isinstance(error, OSError):
            raise Unreachable(
                f"{endpoint.host} accepts no connection on port {endpoint.port}"
            ) from error
        raise
    return Connection(opened, str(address))


def _with_tls(plain: socket.socket, context: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    try:
        # A close without close_notify may be an attacker's cut (RFC 9112 9.8), so it is not
        # taken for an end.
        return context.wrap_socket(
            plain, server_hostname=host.removesuffix("."), suppress_ragged_eofs=False
        )
    except ssl.SSLCertVerificationError as error:
        raise TlsFailed(
            f"the certificate of {host} is not trusted: {error.verify_message}"
        ) from error
    except TimeoutError:
        raise
    except OSError as error:
        raise TlsFailed(f"no TLS connection to {host} could be agreed on") from error
