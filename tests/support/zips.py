# SPDX-License-Identifier: Apache-2.0
"""ZIP files put together field by field (APPNOTE 6.3.10), so that any of them can lie."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
DATE, TIME = 0x5C66, 0xA000
PLAIN_FILE = 0o100644 << 16


def deflated(data: bytes, level: int = 9) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


@dataclass(frozen=True)
class Entry:
    """One entry. `local` and `central` replace fields of one header only: a lie to one reader."""

    name: bytes
    data: bytes
    method: int = 0
    flags: int = 0x0800
    packed: bytes | None = None
    made_by: int = 0x031E
    outside: int = PLAIN_FILE
    extra: bytes = b""
    local_extra: bytes | None = None
    comment: bytes = b""
    descriptor: bytes = b""
    before: bytes = b""
    local: dict[str, Any] = field(default_factory=dict)
    central: dict[str, Any] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        if self.packed is not None:
            return self.packed
        return self.data if self.method == 0 else deflated(self.data)

    def fields(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "flags": self.flags,
            "method": self.method,
            "crc32": zlib.crc32(self.data),
            "packed": len(self.body),
            "size": len(self.data),
        }

    def local_bytes(self) -> bytes:
        said = {**self.fields(), **self.local}
        extra = self.extra if self.local_extra is None else self.local_extra
        head = _LOCAL.pack(
            b"PK\x03\x04", 45, said["flags"], said["method"], TIME, DATE,
            said["crc32"], said["packed"], said["size"], len(said["name"]), len(extra),
        )  # fmt: skip
        return head + said["name"] + extra + self.body + self.descriptor

    def central_bytes(self, offset: int) -> bytes:
        said = {"offset": offset, "disk": 0, **self.fields(), **self.central}
        head = _CENTRAL.pack(
            b"PK\x01\x02", self.made_by, 45, said["flags"], said["method"], TIME, DATE,
            said["crc32"], said["packed"], said["size"], len(said["name"]), len(self.extra),
            len(self.comment), said["disk"], 0, self.outside, said["offset"],
        )  # fmt: skip
        return head + said["name"] + self.extra + self.comment


def zip_of(
    entries: Sequence[Entry],
    *,
    front: bytes = b"",
    gap: bytes = b"",
    tail: bytes = b"",
    comment: bytes = b"",
    zip64: dict[str, int] | None = None,
    **said: int,
) -> bytes:
    """A ZIP file. `said` replaces fields of the end record; `zip64` adds one of ZIP64, likewise."""
    out, places = bytearray(front), []
    for entry in entries:
        out += entry.before
        places.append(len(out))
        out += entry.local_bytes()
    out += gap
    directory_at = len(out)
    for entry, place in zip(entries, places, strict=True):
        out += entry.central_bytes(place)
    end = {
        "disk": 0, "first": 0, "here": len(entries), "total": len(entries),
        "size": len(out) - directory_at, "offset": directory_at,
    }  # fmt: skip
    if zip64 is not None:
        wide = {**end, "length": _END64.size - 12, "disks": 1, "position": len(out), **zip64}
        out += _END64.pack(
            b"PK\x06\x06", wide["length"], 45, 45, wide["disk"], wide["first"],
            wide["here"], wide["total"], wide["size"], wide["offset"],
        )  # fmt: skip
        out += _LOCATOR64.pack(b"PK\x06\x07", 0, wide["position"], wide["disks"])
    end.update(said)
    out += _END.pack(
        b"PK\x05\x06", end["disk"], end["first"], end["here"], end["total"],
        end["size"], end["offset"], len(comment),
    )  # fmt: skip
    return bytes(out) + comment + tail


def with_descriptor(entry: Entry, *, has_mark: bool = True, **said: int) -> Entry:
    """The entry as a streaming writer leaves it: sizes and CRC-32 behind the data."""
    real = {**entry.fields(), **said}
    values = struct.pack("<3L", real["crc32"], real["packed"], real["size"])
    return replace(
        entry,
        flags=entry.flags | 0x0008,
        descriptor=(b"PK\x07\x08" if has_mark else b"") + values,
        local={"crc32": 0, "packed": 0, "size": 0},
    )


def zip64_extra(*values: int) -> bytes:
    return struct.pack("<2H", 1, 8 * len(values)) + struct.pack(f"<{len(values)}Q", *values)
