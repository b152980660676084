# SPDX-License-Identifier: Apache-2.0
"""Makes a BagIt bag (RFC 8493) in a ZIP file: the same contents give the same bytes."""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from archive.digests import sha256_hex
from archive.model.exhibit import BAG_INFO, BAGIT, BAGIT_TEXT, MANIFEST, PAYLOAD, TAG_MANIFEST
from archive.proofs.bag import manifest_text
from archive.proofs.plain_zip import Member, write_zip, zip_size


@dataclass(frozen=True, slots=True)
class Content:
    """A file of the bag: its path, and its bytes, which are given anew each time."""

    name: str
    size: int
    sha256: str
    crc32: int
    data: Callable[[], Iterable[bytes]]


def content(name: str, data: bytes) -> Content:
    """A file whose bytes are at hand."""
    return Content(name, len(data), sha256_hex(data), zlib.crc32(data), lambda: (data,))


def streamed_content(name: str, data: Callable[[], Iterable[bytes]]) -> Content:
    """A file of any size, which is read once to be measured and once to be written."""
    digest, crc32, size = hashlib.sha256(), 0, 0
    for piece in data():
        digest.update(piece)
        crc32 = zlib.crc32(piece, crc32)
        size += len(piece)
    return Content(name, size, digest.hexdigest(), crc32, data)


@dataclass(frozen=True, slots=True)
class PackedBag:
    """A bag that is ready to be written: its folder, and every file in the order of the ZIP."""

    name: str
    files: tuple[Content, ...]

    @property
    def size(self) -> int:
        """The bytes of the ZIP file."""
        return zip_size(self._members())

    def pieces(self) -> Iterator[bytes]:
        """The bytes of the ZIP file. Raises InputTooLarge before the first when over 4 GiB."""
        return write_zip(self._members())

    def _members(self) -> list[Member]:
        return [Member(f"{self.name}/{f.name}", f.size, f.crc32, f.data) for f in self.files]


def pack(name: str, info: Sequence[tuple[str, str]], contents: Sequence[Content]) -> PackedBag:
    """The bag of these contents; `info` are the elements of bag-info.txt in order.

    Payload-Oxum, the bytes and number of the payload's files, is added.
    """
    payload = [item for item in contents if item.name.startswith(PAYLOAD)]
    oxum = f"{sum(item.size for item in payload)}.{len(payload)}"
    lines = [f"{label}: {value}\n" for label, value in (*info, ("Payload-Oxum", oxum))]
    manifest = manifest_text({item.name: item.sha256 for item in payload})
    tags = [item for item in contents if not item.name.startswith(PAYLOAD)]
    tags += [
        content(BAGIT, BAGIT_TEXT),
        content(BAG_INFO, "".join(lines).encode("utf-8")),
        content(MANIFEST, manifest),
    ]
    tags.append(content(TAG_MANIFEST, manifest_text({tag.name: tag.sha256 for tag in tags})))
    in_order = sorted(tags, key=lambda item: item.name) + sorted(payload, key=lambda i: i.name)
    return PackedBag(name, tuple(in_order))
