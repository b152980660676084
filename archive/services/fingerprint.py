# SPDX-License-Identifier: Apache-2.0
"""Digests of a file that is given for verification, and of the variants that tools make of it.

Saving or mailing a page changes line ends or adds a byte order mark; such a file is not the
captured one, and saying how it differs is kinder than "unknown". Everything is hashed in one
pass over the stream, so that memory stays flat.
"""

import hashlib
from collections.abc import Iterator

BOM = b"\xef\xbb\xbf"


class Fingerprints:
    """The SHA-256 of a stream, and of what it would be without the harm that tools do."""

    def __init__(self) -> None:
        self._plain = hashlib.sha256()
        self._no_bom = hashlib.sha256()
        self._unix = hashlib.sha256()
        self._dos = hashlib.sha256()
        self._head = b""
        self._is_begun = False
        self._held_cr = False

    def update(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        self._plain.update(chunk)
        if not self._is_begun:
            self._head += chunk
            if len(self._head) < len(BOM):
                return
            chunk, self._head = self._head, b""
            self._begin(chunk)
            return
        self._variants(chunk)

    def sha256(self) -> str:
        """The digest of the file as it was given."""
        return self._plain.hexdigest()

    def variants(self) -> Iterator[tuple[str, str]]:
        """How the file would have to be changed, and the digest that it would then have."""
        if not self._is_begun:
            self._begin(self._head)
        if self._held_cr:
            self._write_lines(b"\r")
            self._held_cr = False
        plain = self._plain.hexdigest()
        for how, digest in (
            ("without the byte order mark at its start", self._no_bom),
            ("with LF in place of CRLF line ends", self._unix),
            ("with CRLF in place of LF line ends", self._dos),
        ):
            if digest.hexdigest() != plain:
                yield how, digest.hexdigest()

    def _begin(self, data: bytes) -> None:
        self._is_begun = True
        self._no_bom.update(data.removeprefix(BOM))
        self._lines(data)

    def _variants(self, chunk: bytes) -> None:
        self._no_bom.update(chunk)
        self._lines(chunk)

    def _lines(self, chunk: bytes) -> None:
        if self._held_cr:
            chunk = b"\r" + chunk
        self._held_cr = chunk.endswith(b"\r")
        self._write_lines(chunk[:-1] if self._held_cr else chunk)

    def _write_lines(self, data: bytes) -> None:
        unix = data.replace(b"\r\n", b"\n")
        self._unix.update(unix)
        self._dos.update(unix.replace(b"\n", b"\r\n"))
