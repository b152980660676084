# SPDX-License-Identifier: Apache-2.0
"""ZIP files that two readers would read in two ways, or that cost more than they are."""

import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import pytest
from support.packages import Given
from support.zips import DATE, TIME, Entry, deflated, with_descriptor, zip64_extra, zip_of

from archive.errors import (
    DuplicateZipName,
    MalformedZip,
    OversizedZip,
    UnsafeZipName,
    ZipSymlink,
)
from archive.proofs.zip_file import ZipLimits, open_zip, read_entry

ONE, TWO = Entry(b"a/one.txt", b"one" * 20), Entry(b"a/two.txt", b"two" * 30, method=8)
BOTH = [ONE, TWO]
FULL = 0xFFFFFFFF


def contents(data: bytes, limits: ZipLimits | None = None) -> dict[str, bytes]:
    """What the reader gives: every entry, read to its end."""
    file = Given(data)
    entries = open_zip(file) if limits is None else open_zip(file, limits)
    return {entry.name: b"".join(read_entry(file, entry)) for entry in entries}


def test_the_builder_and_the_reader_agree_with_the_standard_library() -> None:
    data = zip_of([ONE, TWO, with_descriptor(replace(TWO, name=b"three"))])
    with zipfile.ZipFile(BytesIO(data)) as file:
        assert contents(data) == {name: file.read(name) for name in file.namelist()}


@pytest.mark.parametrize("size", [0, 1, 65_535, 1 << 20, (1 << 20) + 1, 3 << 20, (5 << 20) - 7])
@pytest.mark.parametrize("make", [bytes, lambda size: bytes(range(256)) * (size // 256 + 1)])
def test_what_is_deflated_well_is_read_to_its_end(size: int, make: Callable[[int], bytes]) -> None:
    data = make(size)[:size]
    assert contents(zip_of([Entry(b"x", data, method=8)])) == {"x": data}


SOUND = {
    "folders": [Entry(b"a/", b"", outside=0o040755 << 16), ONE],
    "descriptor": [with_descriptor(TWO), ONE],
    "descriptor without a mark": [with_descriptor(TWO, has_mark=False), ONE],
    "wide descriptor": [
        replace(
            with_descriptor(TWO),
            descriptor=b"PK\x07\x08"
            + struct.pack("<L2Q", zlib.crc32(TWO.data), len(TWO.body), len(TWO.data)),
        )
    ],
    "zip64 sizes": [
        replace(
            ONE,
            extra=zip64_extra(len(ONE.data), len(ONE.data)),
            local={"packed": FULL, "size": FULL},
            central={"packed": FULL, "size": FULL},
        )
    ],
    "a name in UTF-8": [replace(ONE, name="pages/übersicht.jsonl".encode())],
    "an unknown extra field": [replace(ONE, extra=struct.pack("<2H", 0x5455, 2) + b"\x00\x00")],
    "ASCII without the flag": [replace(ONE, flags=0)],
}


@pytest.mark.parametrize("name", SOUND)
def test_what_writers_write_is_read(name: str) -> None:
    entries = SOUND[name]
    expected = {one.name.decode(): one.data for one in entries if not one.name.endswith(b"/")}
    assert contents(zip_of(entries)) == expected
    assert contents(zip_of(entries, zip64={})) == expected


NAMES = [
    b"../up", b"a/../../up", b"/root", b"C:/x", b"c:x", b"a\\b", b"a//b", b"a/./b", b"..",
    b".", b"", b"a/", b"nul\x00.txt", b"a\nb", b"a/b ", b"a./b", b"a/b.", "a\u202eb".encode(),
    "a\u200bb".encode(), "\ufeffa".encode(), b"\xff\xfe", b"x" * 1_001, b"/".join([b"a"] * 33),
    "a\u2028b".encode(),
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_unsafe_names_are_refused(name: bytes) -> None:
    kind = MalformedZip if name == b"a/" else UnsafeZipName
    with pytest.raises(kind):
        contents(zip_of([replace(ONE, name=name)]))


def test_a_name_beyond_ascii_needs_its_flag() -> None:
    with pytest.raises(UnsafeZipName):
        contents(zip_of([replace(ONE, name="ü".encode(), flags=0)]))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (b"a", b"a"),
        (b"a/B", b"a/b"),
        ("\u00e9".encode(), "e\u0301".encode()),
        ("\ufb01".encode(), b"fi"),
        ("stra\u00dfe".encode(), b"STRASSE"),
        (b"a", b"a/b"),
        (b"a/b", b"A"),
        (b"a/b/c", b"A/b"),
    ],
)
def test_names_that_are_one_somewhere_are_refused(first: bytes, second: bytes) -> None:
    with pytest.raises(DuplicateZipName):
        contents(zip_of([replace(ONE, name=first), replace(TWO, name=second)]))


@pytest.mark.parametrize(
    "entry",
    [
        replace(ONE, outside=0o120777 << 16),
        replace(ONE, outside=0o020666 << 16),
        replace(ONE, outside=0o010666 << 16),
        replace(ONE, outside=0o040755 << 16),
        replace(ONE, made_by=0x0014, outside=0x10),
        replace(ONE, name=b"a/", data=b"", outside=0o100644 << 16),
    ],
)
def test_links_devices_and_disguised_folders_are_refused(entry: Entry) -> None:
    with pytest.raises(ZipSymlink):
        contents(zip_of([entry]))


def _shared_data() -> bytes:
    """Two entries over the same bytes, as in the bomb of D. Fifield (2019)."""
    data = bytearray(zip_of(BOTH))
    second = data.rindex(b"PK\x01\x02")
    struct.pack_into("<L", data, second + 42, 0)
    return bytes(data)


def _quoted() -> bytes:
    """The second entry's header lies within the data of the first."""
    inner = TWO.local_bytes()
    outer = Entry(b"outer", b"x" + inner)
    data = bytearray(zip_of([outer, TWO]))
    second = data.rindex(b"PK\x01\x02")
    struct.pack_into("<L", data, second + 42, data.index(b"PK\x03\x04", 1))
    return bytes(data)


def _beyond_the_end() -> bytes:
    return zip_of([replace(ONE, central={"packed": 1 << 20, "size": 1 << 20})])


LIES: dict[str, bytes] = {
    "two entries share their bytes": _shared_data(),
    "one entry lies within another": _quoted(),
    "an entry that ends beyond the file": _beyond_the_end(),
    "an offset beyond the file": zip_of([replace(ONE, central={"offset": 1 << 30})]),
    "bytes in front": zip_of(BOTH, front=b"#!/bin/sh\n"),
    "a second ZIP file in front": zip_of(BOTH, front=zip_of([ONE])),
    "bytes between entries": zip_of([ONE, replace(TWO, before=b"between")]),
    "bytes before the directory": zip_of(BOTH, gap=b"gap"),
    "bytes behind the end": zip_of(BOTH, tail=b"\x00"),
    "a second ZIP file behind": zip_of(BOTH, tail=zip_of([ONE])),
    "a comment": zip_of(BOTH, comment=b"PK\x05\x06" + b"\x00" * 18),
    "an entry's comment": zip_of([replace(ONE, comment=b"hello"), TWO]),
    "an entry that the directory leaves out": zip_of([ONE, replace(TWO, before=ONE.local_bytes())]),
    "more entries than there are": zip_of(BOTH, here=3, total=3),
    "fewer entries than there are": zip_of(BOTH, here=1, total=1),
    "two counts": zip_of(BOTH, here=1),
    "a directory that begins later": zip_of(BOTH, offset=60),
    "a directory of another size": zip_of(BOTH, size=46),
    "a part of several": zip_of(BOTH, disk=1),
    "an entry on another disk": zip_of([replace(ONE, central={"disk": 1})]),
    "two names": zip_of([replace(ONE, local={"name": b"a/two.txt"})]),
    "two methods": zip_of([replace(TWO, local={"method": 0})]),
    "two sizes": zip_of([replace(ONE, local={"size": 61})]),
    "two packed sizes": zip_of([replace(TWO, local={"packed": 5})]),
    "two checksums": zip_of([replace(ONE, local={"crc32": 1})]),
    "two sets of flags": zip_of([replace(ONE, local={"flags": 0})]),
    "encrypted": zip_of([replace(ONE, flags=0x0801)]),
    "strongly encrypted": zip_of([replace(ONE, flags=0x0841)]),
    "with a masked directory": zip_of([replace(ONE, flags=0x2800)]),
    "patched": zip_of([replace(ONE, flags=0x0820)]),
    "bzip2": zip_of([replace(ONE, method=12)]),
    "zstd": zip_of([replace(ONE, method=93)]),
    "AES (method 99)": zip_of([replace(ONE, method=99)]),
    "stored in fewer bytes": zip_of([replace(ONE, packed=b"one")]),
    "a false checksum": zip_of([replace(ONE, local={"crc32": 1}, central={"crc32": 1})]),
    "no deflate stream": zip_of([replace(TWO, packed=b"\xff\xff\xff\xff")]),
    "a cut deflate stream": zip_of([replace(TWO, packed=deflated(TWO.data)[:-2])]),
    "a deflate stream with a tail": zip_of([replace(TWO, packed=deflated(TWO.data) + b"x")]),
    "more than declared": zip_of([replace(TWO, packed=deflated(TWO.data + b"more"))]),
    "less than declared": zip_of([replace(TWO, packed=deflated(TWO.data[:-1]))]),
    "a descriptor of another size": zip_of([with_descriptor(TWO, size=91), ONE]),
    "a descriptor of another checksum": zip_of([with_descriptor(TWO, crc32=7), ONE]),
    "a descriptor that is not there": zip_of([replace(with_descriptor(TWO), descriptor=b""), ONE]),
    "a descriptor and more": zip_of(
        [replace(with_descriptor(TWO), descriptor=with_descriptor(TWO).descriptor + b"x"), ONE]
    ),
    "a descriptor without its flag": zip_of(
        [replace(with_descriptor(TWO), flags=0x0800, local={}), ONE]
    ),
    "two descriptors": zip_of(
        [replace(with_descriptor(TWO), descriptor=with_descriptor(TWO).descriptor * 2), ONE]
    ),
    "a full size without ZIP64": zip_of([replace(ONE, central={"size": FULL, "packed": FULL})]),
    "a ZIP64 field for nothing": zip_of([replace(ONE, extra=zip64_extra(60, 60))]),
    "a ZIP64 field of another size": zip_of(
        [
            replace(
                ONE,
                extra=zip64_extra(61, 60),
                local_extra=zip64_extra(60, 60),
                local={"packed": FULL, "size": FULL},
                central={"packed": FULL, "size": FULL},
            )
        ]
    ),
    "a ZIP64 field that is too short": zip_of(
        [replace(ONE, extra=zip64_extra(60), central={"packed": FULL, "size": FULL})]
    ),
    "a ZIP64 size beyond everything": zip_of(
        [
            replace(
                ONE,
                extra=zip64_extra(1 << 62, 1 << 62),
                local={"packed": FULL, "size": FULL},
                central={"packed": FULL, "size": FULL},
            )
        ]
    ),
    "a ZIP64 offset beyond everything": zip_of(
        [replace(ONE, extra=zip64_extra(1 << 62), local_extra=b"", central={"offset": FULL})]
    ),
    "a ZIP64 end with other entries": zip_of(BOTH, zip64={"here": 1, "total": 1}),
    "a ZIP64 end elsewhere": zip_of(BOTH, zip64={"position": 0}),
    "a ZIP64 end that is longer": zip_of(BOTH, zip64={"length": 100}),
    "a ZIP64 end on more disks": zip_of(BOTH, zip64={"disks": 2}),
    "a ZIP64 directory elsewhere": zip_of(BOTH, zip64={"offset": 0}),
    "an extra field twice": zip_of(
        [replace(ONE, extra=(struct.pack("<2H", 0x5455, 1) + b"\x00") * 2)]
    ),
    "an extra field that is cut off": zip_of(
        [replace(ONE, extra=struct.pack("<2H", 0x5455, 9) + b"\x00")]
    ),
    "a second name in an extra field": zip_of(
        [replace(ONE, extra=struct.pack("<2H", 0x7075, 6) + b"\x01\x00\x00\x00\x00x")]
    ),
    "empty": b"",
    "a mark alone": b"PK\x05\x06",
    "an end without a directory": zip_of([ONE])[-22:],
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_refused(name: str) -> None:
    with pytest.raises(MalformedZip):
        contents(LIES[name])


def test_an_empty_zip_file_is_one() -> None:
    assert contents(zip_of([])) == {}


class TestBombs:
    def test_a_ratio_over_the_limit_is_refused_before_a_byte_is_inflated(self) -> None:
        data = zip_of([Entry(b"zeros", bytes(32 << 20), method=8)])
        begun = time.monotonic()
        with pytest.raises(OversizedZip):
            open_zip(Given(data))
        assert time.monotonic() - begun < 1

    def test_a_bomb_that_says_it_is_small_ends_at_what_it_said(self) -> None:
        packed = deflated(bytes(64 << 20))
        bomb = Entry(b"zeros", bytes(1000), method=8, packed=packed)
        with pytest.raises(OversizedZip):
            contents(zip_of([bomb]))

    def test_more_than_the_whole_may_expand_to_is_refused(self) -> None:
        with pytest.raises(OversizedZip):
            contents(zip_of(BOTH), ZipLimits(total_bytes=149))
        assert len(contents(zip_of(BOTH), ZipLimits(total_bytes=150))) == 2

    def test_a_directory_over_the_limit_is_refused_before_it_is_read(self) -> None:
        for said in ({"here": 65_535, "total": 65_535}, {"size": 0xFFFFFF00}):
            with pytest.raises(MalformedZip):
                contents(zip_of(BOTH, **said))
        with pytest.raises(OversizedZip):
            contents(
                zip_of(BOTH, here=0xFFFF, total=0xFFFF, zip64={"here": 1 << 40, "total": 1 << 40})
            )

    def test_many_entries_take_time_in_proportion(self) -> None:
        entries = [Entry(b"d/%d" % number, b"") for number in range(20_000)]
        data = zip_of(entries, here=20_000, total=20_000)
        begun = time.process_time()
        assert len(open_zip(Given(data))) == 20_000
        assert time.process_time() - begun < 20  # seconds; a quadratic reader takes minutes


def test_dates_are_of_no_account() -> None:
    assert (DATE, TIME) != (0, 0)
    data = zip_of(BOTH)
    other = data.replace(struct.pack("<2H", TIME, DATE), struct.pack("<2H", 0xFFFF, 0xFFFF))
    assert contents(other) == contents(data)
