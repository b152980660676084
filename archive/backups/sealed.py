# SPDX-License-Identifier: Apache-2.0
"""A stream of bytes encrypted with a passphrase, in chunks that can neither be moved nor left out.

scrypt (RFC 7914) makes the keys, ChaCha20-Poly1305 (RFC 8439) seals each chunk. The nonce is the
chunk's number and whether it is the last, as in the STREAM construction (Hoang et al., "Online
Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", CRYPTO 2015); each file's salt
gives it keys of its own, so no nonce is used twice under one key.
"""

import hashlib
import hmac
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from archive.errors import BackupLocked, MalformedBackup

MAGIC = b"muniment-backup\n"
VERSION = 1
COST = 17  # log2 of scrypt's N: 128 MiB and some tenths of a second for each guess
COSTS = range(14, 21)  # what is read: a header must not make its reader take gigabytes
CHUNK_BYTES = 65_536
PASSPHRASE_CHARACTERS = 12
HEADER_BYTES = 90

_BLOCK_SIZE, _PARALLEL = 8, 1
_SALT_BYTES = 32
_DIGEST_BYTES = 8
_TAG_BYTES = 16
_MAC_BYTES = 32
_SIGNED_BYTES = HEADER_BYTES - _MAC_BYTES - _DIGEST_BYTES


@dataclass(frozen=True, slots=True)
class Passphrase:
    """A passphrase as it enters scrypt: UTF-8 of its NFC form."""

    data: bytes = field(repr=False)

    @classmethod
    def of(cls, text: str) -> "Passphrase":
        """The passphrase that a person wrote; spaces around it do not count."""
        return cls(unicodedata.normalize("NFC", text.strip()).encode("utf-8"))

    @property
    def is_long_enough(self) -> bool:
        """Whether it may protect a new backup, which can be guessed at offline for ever."""
        return len(self.data.decode("utf-8")) >= PASSPHRASE_CHARACTERS


def seal_stream(
    file: BinaryIO,
    data: Iterable[bytes],
    passphrase: Passphrase,
    random_bytes: Callable[[int], bytes],
    *,
    cost: int = COST,
) -> None:
    """Write header and sealed chunks of the data, which comes in pieces of any size.

    `cost` is log2 of scrypt's N. Raises BackupLocked when the passphrase is too short.
    """
    if not passphrase.is_long_enough:
        raise BackupLocked(
            f"the passphrase is too short: take {PASSPHRASE_CHARACTERS} characters or more"
        )
    signed = MAGIC + bytes([VERSION, cost]) + random_bytes(_SALT_BYTES)
    key, mac_key = _keys(passphrase, signed)
    signed += hmac.digest(mac_key, signed, "sha256")
    file.write(signed + _digest(signed))
    cipher = ChaCha20Poly1305(key)
    pending: bytes | None = None
    number = 0
    for chunk in _chunks(data):
        if pending is not None:
            file.write(cipher.encrypt(_nonce(number, is_last=False), pending, None))
            number += 1
        pending = chunk
    file.write(cipher.encrypt(_nonce(number, is_last=True), pending or b"", None))


class SealedFile:
    """A sealed file whose header was read and whose passphrase was found right.

    Raises MalformedBackup and BackupLocked when made.
    """

    def __init__(self, file: BinaryIO, passphrase: Passphrase) -> None:
        self._file = file
        file.seek(0)
        header = file.read(HEADER_BYTES)
        _check_header(header)
        key, mac_key = _keys(passphrase, header)
        expected = hmac.digest(mac_key, header[:_SIGNED_BYTES], "sha256")
        if not hmac.compare_digest(expected, header[_SIGNED_BYTES:-_DIGEST_BYTES]):
            raise BackupLocked("the passphrase does not open this backup")
        self._cipher = ChaCha20Poly1305(key)

    def chunks(self) -> Iterator[bytes]:
        """The data from its beginning. What was given out is sound, and whole at the end only.

        Raises MalformedBackup when the file is damaged, cut or continued.
        """
        self._file.seek(HEADER_BYTES)
        sealed = self._file.read(CHUNK_BYTES + _TAG_BYTES)
        number = 0
        while True:
            following = self._file.read(CHUNK_BYTES + _TAG_BYTES)
            yield self._opened(number, sealed, is_last=not following)
            if not following:
                return
            sealed = following
            number += 1

    def _opened(self, number: int, sealed: bytes, *, is_last: bool) -> bytes:
        try:
            return self._cipher.decrypt(_nonce(number, is_last=is_last), sealed, None)
        except InvalidTag:
            offset = HEADER_BYTES + number * (CHUNK_BYTES + _TAG_BYTES)
            raise MalformedBackup(self._fault(number, sealed, offset, is_last=is_last)) from None

    def _fault(self, number: int, sealed: bytes, offset: int, *, is_last: bool) -> str:
        if self._is_sound(number, sealed, is_last=not is_last):
            end = offset + len(sealed)
            if is_last:
                return f"the backup is cut short: what follows byte {end} is missing; copy it again"
            return f"the backup has bytes behind its end at byte {end}; copy it again"
        cut = " or cut short" if is_last else ""
        return f"the backup is damaged{cut} behind byte {offset}; take another copy"

    def _is_sound(self, number: int, sealed: bytes, *, is_last: bool) -> bool:
        try:
            self._cipher.decrypt(_nonce(number, is_last=is_last), sealed, None)
        except InvalidTag:
            return False
        return True


def _check_header(header: bytes) -> None:
    if not header.startswith(MAGIC[: max(len(header), 1)]):
        raise MalformedBackup("the file is no Muniment backup")
    if len(header) < HEADER_BYTES:
        raise MalformedBackup("the backup is cut short in its first bytes; copy it again")
    version, cost = header[len(MAGIC)], header[len(MAGIC) + 1]
    if _digest(header[:-_DIGEST_BYTES]) != header[-_DIGEST_BYTES:]:
        raise MalformedBackup("the backup is damaged in its first bytes; take another copy")
    if version != VERSION or cost not in COSTS:
        raise MalformedBackup(
            f"the backup has version {version} and cost {cost}, which this program does not know: "
            "use a newer Muniment"
        )


def _digest(data: bytes) -> bytes:
    # No key goes into it: it tells a damaged header from a wrong passphrase, and no more.
    return hashlib.sha256(data).digest()[:_DIGEST_BYTES]


def _keys(passphrase: Passphrase, header: bytes) -> tuple[bytes, bytes]:
    cost, start = header[len(MAGIC) + 1], len(MAGIC) + 2
    derivation = Scrypt(
        salt=header[start : start + _SALT_BYTES],
        length=64,
        n=1 << cost,
        r=_BLOCK_SIZE,
        p=_PARALLEL,
    )
    made = derivation.derive(passphrase.data)
    return made[:32], made[32:]


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])


def _chunks(data: Iterable[bytes]) -> Iterator[bytes]:
    waiting = bytearray()
    for piece in data:
        waiting += piece
        while len(waiting) >= CHUNK_BYTES:
            yield bytes(waiting[:CHUNK_BYTES])
            del waiting[:CHUNK_BYTES]
    if waiting:
        yield bytes(waiting)
