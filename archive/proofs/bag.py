# SPDX-License-Identifier: Apache-2.0
"""Reads an exhibit: a BagIt bag (RFC 8493) as a folder or in a ZIP file, strictly.

Each file is read once, and what was hashed is what is used afterwards. A file that is not what
the manifests say is named and not used: one damage must not look like many.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from archive.errors import InputError, MalformedBag, MalformedZip
from archive.model.exhibit import BAG_INFO, BAGIT, BAGIT_TEXT, MANIFEST, PAYLOAD, TAG_MANIFEST
from archive.proofs.plain_zip import differing_offset
from archive.proofs.zip_file import ZipEntry, ZipLimits, open_zip, read_entry
from archive.proofs.zip_names import checked_name, require_distinct

if TYPE_CHECKING:
    from hashlib import _Hash as _Digest

TAG_BYTES_LIMIT = 16 * 1024 * 1024
# What is larger is hashed as it streams by, and read again in ranges: see `Bag.range_of`.
KEPT_BYTES_LIMIT = 64 * 1024 * 1024
# Of many files no more than this is kept; the others are read, and hashed, once more.
KEPT_IN_ALL_LIMIT = 256 * 1024 * 1024
# No more than an exhibit as a file may have, so that packed bytes do not expand to more either.
_LIMITS = ZipLimits(total_bytes=1 << 32)
_FILES_LIMIT = 100_000
_PIECE_BYTES = 1 << 20
_LINE = re.compile(r"([0-9a-f]{64})  ([^\r\n]+)")
_ZIP_START = b"PK"

_Ranges = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class BagFault:
    """What is wrong with one file of a bag, or with the bag: its path, a code, and words.

    `is_harmless` when no file is other than it should be.
    """

    name: str
    code: str
    detail: str
    is_harmless: bool = False


@dataclass
class Bag:
    """An opened bag: its files by path, and everything that is wrong with them.

    `name` is that of its folder, `sha256` that of the ZIP file as it was read (None of a folder);
    `digests` gives bytes and SHA-256 of each file that is there,
    `damaged` the first fault of each that may not be used. Close it when it is read.
    """

    name: str
    faults: list[BagFault] = field(default_factory=list)
    digests: dict[str, tuple[int, str]] = field(default_factory=dict)
    damaged: dict[str, BagFault] = field(default_factory=dict)
    sha256: str | None = None
    _kept: dict[str, bytes] = field(default_factory=dict)
    _kept_bytes: int = 0
    _ranges: dict[str, _Ranges] = field(default_factory=dict)
    _close: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    @property
    def names(self) -> tuple[str, ...]:
        """The path of every file that is there, sorted, damaged ones too."""
        return tuple(sorted(self.digests))

    def blame(self, fault: BagFault) -> None:
        """Note a fault."""
        self.faults.append(fault)
        if not fault.is_harmless:
            self.damaged.setdefault(fault.name, fault)

    def take(self, name: str, size: int, pieces: Iterator[bytes], again: _Ranges | None) -> None:
        """Read a file, of about this size. `again` gives bytes of it a second time, if any can."""
        is_kept = size <= KEPT_BYTES_LIMIT and self._kept_bytes + size <= KEPT_IN_ALL_LIMIT
        digest, kept, length = hashlib.sha256(), [], 0
        for piece in pieces:
            digest.update(piece)
            length += len(piece)
            if is_kept:
                kept.append(piece)
        self.digests[name] = (length, digest.hexdigest())
        if is_kept:
            self._kept[name] = b"".join(kept)
            self._kept_bytes += length
        elif again is not None:
            self._ranges[name] = again
        else:
            detail = "packed files of this size, or as many, are not read: unpack the exhibit"
            self.blame(BagFault(name, "ZIP_TOO_LARGE", detail))

    def read(self, name: str) -> bytes | None:
        """The bytes of a file, or None when it is not there, damaged, or too large to be kept.

        Raises InputError when it is another by now.
        """
        if name in self.damaged or name not in self.digests:
            return None
        size, sha256 = self.digests[name]
        if name in self._kept or size > KEPT_BYTES_LIMIT:
            return self._kept.get(name)
        data = self._ranges[name](0, size)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise InputError(f"{name} was changed while the exhibit was read")
        return data

    def range_of(self, name: str, offset: int, length: int) -> bytes | None:
        """Bytes of a file, or None. Those of a large file are read now, and are to be hashed."""
        if name in self.damaged or name not in self.digests:
            return None
        if name in self._kept:
            return self._kept[name][offset : offset + length]
        return self._ranges[name](offset, length)

    def pieces(self, name: str) -> Iterator[bytes]:
        """The bytes of a file that is there, in pieces."""
        size = self.digests.get(name, (0, ""))[0]
        for offset in range(0, size, _PIECE_BYTES):
            yield self.range_of(name, offset, min(_PIECE_BYTES, size - offset)) or b""

    def info(self) -> dict[str, str]:
        """The elements of bag-info.txt. Raises MalformedBag when it cannot be read as such."""
        data = self.read(BAG_INFO)
        if data is None:
            raise MalformedBag("bag-info.txt is missing or damaged")
        found: dict[str, str] = {}
        for line in _lines(BAG_INFO, data):
            label, colon, value = line.partition(": ")
            if not colon or not label or label in found:
                raise MalformedBag("bag-info.txt has a line that is no element, or one twice")
            found[label] = value
        return found


def open_bag(path: Path) -> Bag:
    """The bag in a folder or ZIP file, every file hashed and held against the manifests.

    Raises InputError when it cannot be read at all, MalformedZip (or the subclass that says what
    is wrong) for a ZIP file that could be read in two ways, and MalformedBag for no bag.
    """
    try:
        bag = _of_folder(path) if path.is_dir() else _of_zip(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    _check(bag)
    return bag


def is_bag(path: Path) -> bool:
    """Whether a folder or ZIP file says that it is a bag. Nothing is checked."""
    try:
        if path.is_dir():
            return (path / BAGIT).is_file()
        with _FileBytes(path) as file:
            if file.read_at(0, len(_ZIP_START)) != _ZIP_START:
                return False
            head = file.read_at(0, 4096)
            return f"/{BAGIT}".encode("ascii") in head or any(
                entry.name.endswith(f"/{BAGIT}") for entry in open_zip(file)
            )
    except (OSError, MalformedZip):
        return False


def _of_zip(path: Path) -> Bag:
    file = _FileBytes(path)
    try:
        entries = open_zip(file, _LIMITS)
        bag = Bag(_folder_of(entries), _close=file.close)
        digest, place = hashlib.sha256(), 0
        for entry in entries:
            digest.update(file.read_at(place, entry.offset - place))
            _take_entry(bag, file, entry, digest)
            place = entry.offset + entry.packed
        digest.update(file.read_at(place, file.size - place))
        bag.sha256 = digest.hexdigest()
        differing = differing_offset(file, entries)
        if differing is not None:
            detail = (
                f"the ZIP file around the files is not as the archive writes it, from byte "
                f"{differing} on; unpack it and verify the folder"
            )
            bag.blame(BagFault(path.name, "ZIP_REPACKED", detail, is_harmless=True))
    except BaseException:
        file.close()
        raise
    return bag


def _folder_of(entries: Sequence[ZipEntry]) -> str:
    folders = {entry.name.partition("/")[0] for entry in entries}
    if len(folders) != 1 or any("/" not in entry.name for entry in entries):
        raise MalformedBag("the ZIP file does not hold one folder")
    return folders.pop()


def _take_entry(bag: Bag, file: "_FileBytes", entry: ZipEntry, whole: "_Digest") -> None:
    """Read an entry into the bag, and its bytes as they lie there into the digest of it all."""
    name = entry.name.partition("/")[2]

    def again(offset: int, length: int) -> bytes:
        return file.read_at(entry.offset + offset, length)

    try:
        pieces = read_entry(file, entry)
        if entry.is_stored:
            pieces = _hashed(pieces, whole)
        else:
            for _ in _hashed(file.pieces(entry.offset, entry.packed), whole):
                pass
        bag.take(name, entry.size, pieces, again if entry.is_stored else None)
    except MalformedZip as error:
        bag.digests[name] = (entry.size, "")
        bag.blame(BagFault(name, error.code, str(error)))


def _hashed(pieces: Iterator[bytes], digest: "_Digest") -> Iterator[bytes]:
    for piece in pieces:
        digest.update(piece)
        yield piece


def sha256_of_file(path: Path) -> str | None:
    """The SHA-256 of a file that is no bag; None for a folder. Raises InputError."""
    if path.is_dir():
        return None
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def _of_folder(path: Path) -> Bag:
    if not (path / BAGIT).is_file():
        raise MalformedBag(f"there is no {BAGIT}: this is no BagIt bag")
    bag = Bag(path.resolve().name)
    for folder, folders, files in os.walk(path, onerror=_raise):
        for one in (*folders, *files):
            place = Path(folder) / one
            if place.is_symlink() or not (place.is_dir() or place.is_file()):
                raise MalformedBag(f"{place} is a link or no plain file")
        for one in files:
            place = Path(folder) / one
            name = checked_name(os.fsencode(place.relative_to(path)), is_utf8=True)
            with _FileBytes(place) as file:
                again = _file_range(place)
                bag.take(name, file.size, file.pieces(), again)
            if len(bag.digests) > _FILES_LIMIT:
                raise MalformedBag(f"there are more than {_FILES_LIMIT} files")
    require_distinct(bag.digests)
    return bag


def _raise(error: OSError) -> None:
    raise error


def _file_range(path: Path) -> _Ranges:
    def read(offset: int, length: int) -> bytes:
        with _FileBytes(path) as file:
            return file.read_at(offset, length)

    return read


def _check(bag: Bag) -> None:
    if BAGIT not in bag.digests:
        raise MalformedBag(f"there is no {BAGIT}: this is no BagIt bag")
    if bag.read(BAGIT) != BAGIT_TEXT and BAGIT not in bag.damaged:
        bag.blame(BagFault(BAGIT, "BAG_MALFORMED", "it is not as BagIt 1.0 has it"))
    listed: dict[str, str] = {}
    for manifest, is_own in ((TAG_MANIFEST, _is_tag), (MANIFEST, _is_payload)):
        listed |= _check_manifest(bag, manifest, is_own)
    for name in bag.names:
        if name not in listed and name != TAG_MANIFEST and name not in bag.damaged:
            bag.blame(BagFault(name, "FILE_UNLISTED", "no manifest lists it"))


def _is_tag(name: str) -> bool:
    return not _is_payload(name)


def _is_payload(name: str) -> bool:
    return name.startswith(PAYLOAD)


def _check_manifest(bag: Bag, manifest: str, is_own: Callable[[str], bool]) -> dict[str, str]:
    if manifest in bag.damaged:
        return {name: "" for name in bag.names if is_own(name)}
    data = bag.read(manifest)
    if data is None:
        bag.blame(BagFault(manifest, "FILE_MISSING", "the manifest is not there"))
        return {}
    try:
        listed = _read_manifest(manifest, data, is_own)
    except MalformedBag as error:
        bag.blame(BagFault(manifest, error.code, str(error)))
        return {name: "" for name in bag.names if is_own(name)}
    for name, expected in listed.items():
        if name in bag.damaged:
            continue
        if name not in bag.digests:
            bag.blame(BagFault(name, "FILE_MISSING", f"{manifest} lists it"))
        elif bag.digests[name][1] != expected:
            detail = f"SHA-256 is {bag.digests[name][1]}, {manifest} has {expected}"
            bag.blame(BagFault(name, "BAG_DIGEST_MISMATCH", detail))
    return listed


def _read_manifest(manifest: str, data: bytes, is_own: Callable[[str], bool]) -> dict[str, str]:
    listed: dict[str, str] = {}
    for line in _lines(manifest, data):
        match = _LINE.fullmatch(line)
        is_new = match is not None and match[2] != manifest and match[2] not in listed
        if match is None or not is_new or not is_own(match[2]):
            raise MalformedBag(f"{manifest} has a line that is not a digest and a path of its own")
        listed[match[2]] = match[1]
    return listed


def _lines(name: str, data: bytes) -> Sequence[str]:
    if len(data) > TAG_BYTES_LIMIT or not data.endswith(b"\n"):
        raise MalformedBag(f"{name} is too large or does not end with its last line")
    try:
        return data.decode("utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise MalformedBag(f"{name} is not UTF-8") from error


def manifest_text(digests: Mapping[str, str]) -> bytes:
    """A manifest, as `sha256sum -c` reads it: sorted by path."""
    lines = [f"{sha256}  {name}\n" for name, sha256 in sorted(digests.items())]
    return "".join(lines).encode("utf-8")


class _FileBytes:
    """A file that is read at any place, by one handle from first to last."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self._size = os.fstat(self._file.fileno()).st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return self._size

    def read_at(self, offset: int, length: int) -> bytes:
        """The bytes from `offset`, `length` of them or as many as there are."""
        return os.pread(self._file.fileno(), length, offset)

    def pieces(self, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes from `offset`, `length` of them or as many as there were when it was opened."""
        end = self._size if length is None else offset + length
        while piece := self.read_at(offset, min(_PIECE_BYTES, end - offset)):
            yield piece
            offset += len(piece)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
