# SPDX-License-Identifier: Apache-2.0
"""Why a transfer stopped, one class per reason, so that nobody has to read a message.

They stay inside net and fetching: a fetch reports them as its end and keeps what was received.

TransferError
├─ Unresolved           the host name has no address
├─ Unreachable          no connection, or it closed before the first byte
├─ TlsFailed            no trusted TLS connection
├─ TimedOut             a time limit was reached
├─ Truncated            the connection ended before the response did
├─ TooLarge             a size limit was reached
└─ MalformedResponse    what came is no HTTP/1 response of one single reading
"""

from archive.errors import MunimentError


class TransferError(MunimentError):
    """A transfer stopped before its end; the message says why in one sentence."""

    code = "TRANSFER_FAILED"


class Unresolved(TransferError):
    """The host name has no address."""

    code = "TRANSFER_UNRESOLVED"


class Unreachable(TransferError):
    """No connection could be made, or it was closed before the first byte of an answer."""

    code = "TRANSFER_UNREACHABLE"


class TlsFailed(TransferError):
    """The server could not prove who it is, or speaks no TLS that we accept."""

    code = "TRANSFER_TLS_FAILED"


class TimedOut(TransferError):
    """The connection, a read, or the whole fetch took longer than its limit."""

    code = "TRANSFER_TIMEOUT"


class Truncated(TransferError):
    """The connection ended before the response did."""

    code = "TRANSFER_TRUNCATED"


class TooLarge(TransferError):
    """The response exceeds the limit of received bytes."""

    code = "TRANSFER_TOO_LARGE"


class MalformedResponse(TransferError):
    """What came cannot be read as one HTTP/1 response."""

    code = "TRANSFER_MALFORMED_RESPONSE"
