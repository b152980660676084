# SPDX-License-Identifier: Apache-2.0
"""The bytes of a gzip file as one stream, its members joined, read forward under a limit.

For files whose members are not one for each record: they can only be read from the start.
"""

from archive.errors import MalformedWarc
from archive.importing.base import IMPORT_LIMITS, Source
from archive.importing.window import Window
from archive.warc.members import GZIP_MAGIC, MemberReader, View
from archive.warc.read import ReadLimits

_PIECE_BYTES = 1 << 20


class PlainStream:
    """A source that is not compressed, read in the same way as `InflatedStream`."""

    damage: MalformedWarc | None = None

    def __init__(self, source: Source) -> None:
        self._view = Window(source)

    @property
    def view(self) -> View:
        """The bytes."""
        return self._view

    def source_offset(self, offset: int) -> int:
        """Where in the source a place of the stream lies."""
        return offset

    def release(self, offset: int) -> None:
        """Say that nothing before this place is wanted any more."""


class InflatedStream:
    """What a gzip source expands to. Memory holds what lies between `release` and the last look.

    A slice that goes beyond the end is shorter. Where a member is damaged, cut short, or a bomb,
    the stream ends, and `damage` says why: what came before it is still there.
    """

    def __init__(self, source: Source, limits: ReadLimits = IMPORT_LIMITS) -> None:
        self._packed = Window(source)
        self._limits = limits
        self._member = MemberReader(self._packed, 0)
        self._held = bytearray()
        self._start = 0
        self.damage: MalformedWarc | None = None

    @property
    def view(self) -> View:
        """The bytes; its length is what is known of it so far."""
        return self

    def source_offset(self, offset: int) -> int:  # noqa: ARG002 - the same for every place held
        """How far the source was read: a place in the stream has no offset of its own there."""
        return self._member.end

    def release(self, offset: int) -> None:
        """Say that nothing before this place is wanted any more."""
        del self._held[: offset - self._start]
        self._start = offset

    def __len__(self) -> int:
        return self._start + len(self._held)

    def __getitem__(self, span: slice, /) -> memoryview:
        start, end = span.start - self._start, span.stop - self._start
        while len(self._held) < end and self._inflate():
            pass
        return memoryview(bytes(self._held[start:end]))

    def _inflate(self) -> bool:
        """Read one more piece; False at the end of the source, or of what can be read of it."""
        if self.damage is not None:
            return False
        try:
            return self._read_on()
        except MalformedWarc as error:
            self.damage = error
            return False

    def _read_on(self) -> bool:
        if self._member.is_finished:
            end = self._member.end
            if end >= len(self._packed):
                return False
            if bytes(self._packed[end : end + len(GZIP_MAGIC)]) != GZIP_MAGIC:
                raise MalformedWarc(f"the gzip file goes on after its end at offset {end}")
            self._member = MemberReader(self._packed, end)
        self._held += self._member.read(_PIECE_BYTES)
        size, packed = len(self), self._member.end
        if size > max(self._limits.ratio_free_bytes, self._limits.ratio * packed):
            raise MalformedWarc(f"the gzip file expands more than {self._limits.ratio} times")
        return True


Stream = PlainStream | InflatedStream
