# SPDX-License-Identifier: Apache-2.0
"""Digests of a file that is given for verification, and of the variants that tools make of it.

Saving or mailing a page changes line ends, adds or loses a byte order mark or the line end at its
end; such a file is not the captured one, and saying how it differs is kinder than "unknown".
Everything is hashed in one pass over the stream, so that memory stays flat.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

BOM = b"\xef\xbb\xbf"

# What is larger is no page that a tool has changed the line ends of, and hashing it is enough.
VARIANTS_BYTES = 64 * 1024 * 1024
_END_BYTES = len(b"\r\n")

_WORDS = {
    "BOM_REMOVED": "without the byte order mark at its start",
    "BOM_ADDED": "with a byte order mark at its start",
    "LINE_ENDS_LF": "with LF in place of CRLF line ends",
    "LINE_ENDS_CRLF": "with CRLF in place of LF line ends",
    "FINAL_NEWLINE_REMOVED": "without the line end at its end",
    "FINAL_LF_ADDED": "with a line end (LF) at its end",
    "FINAL_CRLF_ADDED": "with a line end (CRLF) at its end",
}


@dataclass(frozen=True, slots=True)
class Variant:
    """How the file would have to be changed, by codes, and the digest that it would then have."""

    codes: tuple[str, ...]
    sha256: str

    @property
    def words(self) -> str:
        """The change in words."""
        return " and ".join(_WORDS[code] for code in self.codes)


class _Stream:
    """Hashes a file that begins with some bytes or not, its last line end kept back."""

    def __init__(self, start: bytes) -> None:
        self._digest = hashlib.sha256(start)
        self._end = b""

    def update(self, data: bytes) -> None:
        if len(data) < _END_BYTES:
            data = self._end + data
        else:
            self._digest.update(self._end)
        kept = _END_BYTES if data.endswith(b"\r\n") else int(data.endswith((b"\n", b"\r")))
        self._end = data[len(data) - kept :]
        self._digest.update(memoryview(data)[: len(data) - kept])

    def whole(self) -> str:
        return self._ended(self._end)

    def endings(self) -> Iterator[tuple[str, str]]:
        """The digests with another end than the file has."""
        if self._end in {b"\n", b"\r\n"}:
            yield "FINAL_NEWLINE_REMOVED", self._ended(b"")
        else:
            yield "FINAL_LF_ADDED", self._ended(self._end + b"\n")
            yield "FINAL_CRLF_ADDED", self._ended(self._end + b"\r\n")

    def _ended(self, end: bytes) -> str:
        digest = self._digest.copy()
        digest.update(end)
        return digest.hexdigest()


class Fingerprints:
    """The SHA-256 of a stream, and of what it would be without the harm that tools do."""

    def __init__(self) -> None:
        # For each kind of line ends the file without a byte order mark, and with one.
        self._plain, self._unix, self._dos = (
            (_Stream(b""), _Stream(BOM)) for _ in ("as it is", "LF", "CRLF")
        )
        self._head = b""
        self._is_begun = False
        self._has_bom = False
        self._held_cr = False
        self._is_ended = False
        self._bytes = 0

    def update(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        if not self._is_begun:
            self._head += chunk
            if len(self._head) < len(BOM):
                return
            chunk = self._begun()
        self._take(chunk)

    def sha256(self) -> str:
        """The digest of the file as it was given; nothing can be taken after this."""
        if not self._is_ended:
            self._is_ended = True
            if not self._is_begun:
                self._take(self._begun())
            if self._held_cr:
                self._write_lines(b"\r")
        return self._plain[self._has_bom].whole()

    def variants(self) -> Iterator[Variant]:
        """What the file may have been before, fewest changes first; nothing of a very large one."""
        seen = {self.sha256()}
        if self._bytes > VARIANTS_BYTES:
            return
        for variant in sorted(self._every(), key=lambda item: len(item.codes)):
            if variant.sha256 not in seen:
                seen.add(variant.sha256)
                yield variant

    def _every(self) -> Iterator[Variant]:
        bom_change = "BOM_REMOVED" if self._has_bom else "BOM_ADDED"
        for lines_change, pair in (
            ((), self._plain),
            (("LINE_ENDS_LF",), self._unix),
            (("LINE_ENDS_CRLF",), self._dos),
        ):
            for has_bom, stream in enumerate(pair):
                start = () if has_bom == self._has_bom else (bom_change,)
                yield Variant((*start, *lines_change), stream.whole())
                for end_change, sha256 in stream.endings():
                    yield Variant((*start, *lines_change, end_change), sha256)

    def _begun(self) -> bytes:
        head, self._head = self._head, b""
        self._is_begun = True
        self._has_bom = head.startswith(BOM)
        return head.removeprefix(BOM)

    def _take(self, chunk: bytes) -> None:
        self._bytes += len(chunk)
        if self._bytes > VARIANTS_BYTES:
            self._plain[self._has_bom].update(chunk)
            return
        for stream in self._plain:
            stream.update(chunk)
        if self._held_cr:
            chunk = b"\r" + chunk
        self._held_cr = chunk.endswith(b"\r")
        self._write_lines(chunk[:-1] if self._held_cr else chunk)

    def _write_lines(self, data: bytes) -> None:
        unix = data.replace(b"\r\n", b"\n")
        dos = unix.replace(b"\n", b"\r\n")
        for stream in self._unix:
            stream.update(unix)
        for stream in self._dos:
            stream.update(dos)
