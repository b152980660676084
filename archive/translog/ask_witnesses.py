# SPDX-License-Identifier: Apache-2.0
"""Asks witnesses to cosign a checkpoint: all at once, and never for longer than is allowed.

Whatever a witness sends, late, endless or false, costs its own cosignature and nothing else: what
counts is a line that holds under a key that the keyset lists.
"""

import contextlib
import http.client
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from archive.errors import (
    LogError,
    MalformedEvidence,
    MalformedNote,
    StorageError,
    WitnessRefused,
    WitnessUnavailable,
)
from archive.proofs.add_checkpoint import PATH, AddCheckpoint
from archive.proofs.checkpoint import SignedCheckpoint, cosigned_at
from archive.proofs.note import NoteSignature, VerifierKey, signature_lines, strict_decimal

_log = logging.getLogger(__name__)

_ROUNDS = 3
_ANSWER_LIMIT = 64 * 1024
_POLL_SECONDS = 0.05

Growth = Callable[[int], Sequence[bytes]]
"""Gives the proof that the checkpoint's tree grew out of one of this size."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom to ask: addresses of witnesses, the keys that count, seconds for all of them."""

    urls: Sequence[str]
    keys: Sequence[VerifierKey]
    seconds: float


def ask_witnesses(
    asked: Asked, checkpoint: SignedCheckpoint, first_guess: int, growth: Growth
) -> list[NoteSignature]:
    """One line of each witness that cosigned in time, by the trusted keys.

    `first_guess` is the size that witnesses are taken to have cosigned last; each says so when
    that is wrong. Never raises MunimentError: who did not cosign is told to the process's log.
    """
    end = time.monotonic() + asked.seconds
    found: dict[str, list[NoteSignature]] = {}

    def ask(url: str) -> None:
        try:
            found[url] = _ask(url, asked.keys, (checkpoint, first_guess, growth), end)
        except (LogError, StorageError, MalformedEvidence) as error:
            _log.warning("the witness at %s did not cosign: %s: %s", url, error.code, error)

    threads = [threading.Thread(target=ask, args=(url,), daemon=True) for url in asked.urls]
    for thread in threads:
        thread.start()
    for thread, url in zip(threads, asked.urls, strict=True):
        # One that does not end in time is left behind; its socket is closed under it.
        thread.join(max(end - time.monotonic(), 0) + _POLL_SECONDS)
        if thread.is_alive():
            _log.warning("the witness at %s did not answer within %g s", url, asked.seconds)
    lines = [line for answered in list(found.values()) for line in answered]
    return list({line.key_id + line.name.encode(): line for line in lines}.values())


def _ask(
    url: str,
    keys: Sequence[VerifierKey],
    about: tuple[SignedCheckpoint, int, Growth],
    end: float,
) -> list[NoteSignature]:
    checkpoint, old, growth = about
    for _ in range(_ROUNDS):
        proof = tuple(growth(old)) if old else ()
        status, body = _post(url, AddCheckpoint(old, proof, checkpoint).to_bytes(), end)
        if status == HTTPStatus.OK:
            return _cosignatures(body, keys, checkpoint)
        if status != HTTPStatus.CONFLICT:
            raise WitnessRefused(f"it answered {status}")
        size = _size(body)
        if size > checkpoint.head.size:
            raise WitnessRefused(
                f"it says that it saw {size} entries, and the log has {checkpoint.head.size}: "
                "if that is true, the end of the log is gone"
            )
        if size == old:
            raise WitnessRefused(f"it says that it saw another log of {size} entries")
        old = size
    raise WitnessRefused("it never settles on a size")


def _cosignatures(
    body: bytes, keys: Sequence[VerifierKey], checkpoint: SignedCheckpoint
) -> list[NoteSignature]:
    try:
        lines = signature_lines(body.decode("utf-8"))
    except (MalformedNote, UnicodeDecodeError) as error:
        raise WitnessRefused("its answer is no signature line") from error
    text, found = checkpoint.note.text, []
    for key in keys:
        mine = [line for line in lines if line.is_of(key)]
        if any(cosigned_at(line, key, text) is None for line in mine):
            raise WitnessRefused(f"its cosignature by {key.name} does not hold")
        found += mine[:1]
    if not found:
        raise WitnessRefused("it cosigned with no key that the keyset lists")
    return found


def _size(body: bytes) -> int:
    try:
        return strict_decimal(body.decode("ascii").removesuffix("\n"))
    except (MalformedNote, UnicodeDecodeError) as error:
        raise WitnessRefused("it names no size to begin at") from error


def _post(url: str, body: bytes, end: float) -> tuple[int, bytes]:
    parts = urlsplit(f"{url.rstrip('/')}/{PATH}")
    left = end - time.monotonic()
    if left <= 0:
        raise WitnessUnavailable("there was no time left to ask it")
    connection = _connection(parts.scheme, parts.netloc, left)
    # A time limit on a socket begins anew with each byte; this one ends the whole conversation.
    timer = threading.Timer(left, _cut, (connection,))
    timer.daemon = True
    timer.start()
    try:
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        connection.request("POST", parts.path, body, headers)
        answer = connection.getresponse()
        data = answer.read(_ANSWER_LIMIT + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise WitnessUnavailable(
            f"it cannot be asked: {str(error) or type(error).__name__}"
        ) from error
    finally:
        timer.cancel()
        connection.close()
    if time.monotonic() > end:
        raise WitnessUnavailable("it answered too late")
    if len(data) > _ANSWER_LIMIT:
        raise WitnessRefused("its answer is too long")
    return answer.status, data


def _connection(scheme: str, host: str, seconds: float) -> http.client.HTTPConnection:
    if scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, timeout=seconds, context=context)
    return http.client.HTTPConnection(host, timeout=seconds)


def _cut(connection: http.client.HTTPConnection) -> None:
    opened = connection.sock
    if opened is not None:
        with contextlib.suppress(OSError):
            opened.shutdown(socket.SHUT_RDWR)
