# SPDX-License-Identifier: Apache-2.0
"""The backup's file: sealed chunks that can be neither changed, moved, cut nor continued."""

import datetime as dt
import hashlib
import io
import os
import stat
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.archives import flipped

from archive import canonical
from archive.backups.content import (
    Entry,
    FileData,
    FileHead,
    Head,
    Row,
    SettingsEntry,
    read_entries,
    write_lines,
)
from archive.backups.new_file import new_file
from archive.backups.sealed import (
    CHUNK_BYTES,
    HEADER_BYTES,
    Passphrase,
    SealedFile,
    seal_stream,
)
from archive.errors import BackupLocked, MalformedBackup

PASSPHRASE = Passphrase.of("correct horse battery staple")
CHEAP = 14
SEALED_CHUNK = CHUNK_BYTES + 16


def sealed(*pieces: bytes) -> bytes:
    file = io.BytesIO()
    seal_stream(file, pieces, PASSPHRASE, os.urandom, cost=CHEAP)
    return file.getvalue()


def opened(data: bytes, passphrase: Passphrase = PASSPHRASE) -> bytes:
    return b"".join(SealedFile(io.BytesIO(data), passphrase).chunks())


@pytest.mark.parametrize(
    "size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]
)
def test_what_was_sealed_comes_back(size: int) -> None:
    data = os.urandom(size)
    file = sealed(data)
    assert opened(file) == data
    chunks = max(1, -(-size // CHUNK_BYTES))
    assert len(file) == HEADER_BYTES + size + 16 * chunks


@settings(deadline=None, max_examples=20)
@given(st.lists(st.binary(max_size=2 * CHUNK_BYTES), max_size=6))
def test_the_pieces_do_not_matter(pieces: list[bytes]) -> None:
    assert opened(sealed(*pieces)) == b"".join(pieces)


def test_nothing_of_the_data_stands_in_the_file_and_no_two_files_are_alike() -> None:
    data = b"a secret that is easily found" * 10
    first, second = sealed(data), sealed(data)
    assert b"secret" not in first
    assert len(first) == len(second)
    alike = [at for at in range(18, len(first) - 8) if first[at : at + 8] == second[at : at + 8]]
    assert alike == []


def test_another_passphrase_does_not_open_it() -> None:
    file = sealed(b"data")
    for other in ("correct horse battery stapl", "Correct horse battery staple", ""):
        with pytest.raises(BackupLocked, match="passphrase does not open"):
            opened(file, Passphrase.of(other))


def test_a_passphrase_is_the_same_however_it_is_written() -> None:
    composed, decomposed = "caf\u00e9 caf\u00e9 caf\u00e9", " cafe\u0301 cafe\u0301 cafe\u0301\r\n"
    assert Passphrase.of(composed) == Passphrase.of(decomposed)
    assert "caf" not in repr(Passphrase.of(composed))


def test_a_short_passphrase_makes_no_backup() -> None:
    with pytest.raises(BackupLocked, match="12 characters"):
        seal_stream(io.BytesIO(), [b""], Passphrase.of("eleven char"), os.urandom, cost=CHEAP)


def test_every_flipped_bit_of_the_header_is_damage_and_no_wrong_passphrase() -> None:
    file = sealed(b"data")
    for bit in range(0, 8 * HEADER_BYTES, 5):
        with pytest.raises(MalformedBackup, match=r"no Muniment backup|damaged in its first bytes"):
            opened(flipped(file, bit))


@pytest.mark.parametrize("chunk", [0, 1, 2])
def test_a_flipped_bit_in_any_chunk_is_noticed_and_located(chunk: int) -> None:
    file = sealed(os.urandom(2 * CHUNK_BYTES + 100))
    start = HEADER_BYTES + chunk * SEALED_CHUNK
    for byte in (start, start + 50, min(start + SEALED_CHUNK, len(file)) - 1):
        with pytest.raises(MalformedBackup, match=f"damaged.* behind byte {start}"):
            opened(flipped(file, 8 * byte + 3))


def test_a_file_cut_anywhere_is_noticed() -> None:
    file = sealed(os.urandom(2 * CHUNK_BYTES + 100))
    for length in range(1, len(file), 4099):
        with pytest.raises(MalformedBackup, match=r"cut short"):
            opened(file[:length])
    for chunks in (1, 2):
        with pytest.raises(MalformedBackup, match=r"cut short: what follows"):
            opened(file[: HEADER_BYTES + chunks * SEALED_CHUNK])
    with pytest.raises(MalformedBackup, match="no Muniment backup"):
        opened(b"")


def test_bytes_behind_the_end_are_noticed() -> None:
    file = sealed(os.urandom(CHUNK_BYTES))
    with pytest.raises(MalformedBackup, match="behind its end"):
        opened(file + b"\n")
    with pytest.raises(MalformedBackup, match="behind its end"):
        opened(file + file)


def test_chunks_cannot_be_moved_left_out_or_taken_from_another_file() -> None:
    data = os.urandom(4 * CHUNK_BYTES)
    file, other = sealed(data), sealed(data)
    parts = [file[:HEADER_BYTES]]
    parts += [file[at : at + SEALED_CHUNK] for at in range(HEADER_BYTES, len(file), SEALED_CHUNK)]
    swapped = [parts[0], parts[2], parts[1], *parts[3:]]
    without = [*parts[:2], *parts[3:]]
    foreign = [*parts[:2], other[HEADER_BYTES + SEALED_CHUNK :][:SEALED_CHUNK], *parts[3:]]
    for forged in (swapped, without, foreign):
        with pytest.raises(MalformedBackup, match="damaged"):
            opened(b"".join(forged))


def resummed(header: bytes) -> bytes:
    summed = header[: HEADER_BYTES - 8]
    return summed + hashlib.sha256(summed).digest()[:8] + header[HEADER_BYTES:]


@pytest.mark.parametrize(("offset", "value"), [(16, 2), (16, 0), (17, 13), (17, 21), (17, 255)])
def test_a_version_or_cost_out_of_bounds_is_refused_before_any_work(
    offset: int, value: int
) -> None:
    file = bytearray(sealed(b"data"))
    file[offset] = value
    with pytest.raises(MalformedBackup, match="newer Muniment"):
        opened(resummed(bytes(file)))


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=400))
def test_any_bytes_at_all_give_the_one_error(data: bytes) -> None:
    for file in (data, b"muniment-backup\n" + data):
        with pytest.raises(MalformedBackup):
            opened(file)


HEAD = Head("2026-03-06T20:00:36.000000Z", "muniment 0.1.0", "0002", "CA", ("ab" * 32,))
ENTRIES: list[Entry] = [
    HEAD,
    SettingsEntry({"archive": {"prefix": "CA", "allow": []}}),
    Row("ops_api_key", {"id": "x", "count": 3, "none": None, "flag": True}),
    FileHead("keys", "root.pem", 5),
    FileData(b"first"),
    FileHead("root", "root.keyid", 0),
    FileHead("database", "jobs.sqlite", 6),
    FileData(b"sec"),
    FileData(b"ond"),
]


def read(chunks: Iterable[bytes]) -> list[Entry]:
    return list(read_entries(chunks))


def test_entries_come_back_whatever_the_pieces() -> None:
    data = b"".join(write_lines(ENTRIES))
    for size in (1, 7, 100, len(data)):
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        assert read(pieces) == ENTRIES


@settings(deadline=None)
@given(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.binary(),
        st.text(st.characters(exclude_categories=["Cs"])),
        st.datetimes(timezones=st.just(dt.UTC)),
    )
)
def test_a_column_of_any_type_comes_back(value: object) -> None:
    entries = [*ENTRIES[:2], Row("ops_any", {"column": value})]
    [*_, row] = read(write_lines(entries))
    assert isinstance(row, Row)
    assert row.values == {"column": value}
    assert type(row.values["column"]) is type(value)


DISORDER: dict[str, list[Entry]] = {
    "no head": ENTRIES[1:],
    "two heads": [HEAD, *ENTRIES],
    "no settings": [HEAD, *ENTRIES[2:]],
    "settings twice": [HEAD, ENTRIES[1], *ENTRIES[1:]],
    "a row behind files": [*ENTRIES, ENTRIES[2]],
    "bytes without a file": [*ENTRIES[:2], FileData(b"x")],
    "bytes behind a row": [*ENTRIES[:3], FileData(b"x")],
    "too many bytes": [*ENTRIES[:5], FileData(b"x")],
    "too few bytes": [*ENTRIES[:4], FileData(b"x"), *ENTRIES[5:]],
    "too few bytes at the end": ENTRIES[:4],
    "no bytes in a piece": [*ENTRIES[:4], FileData(b""), *ENTRIES[4:]],
    "bytes for an empty file": [*ENTRIES[:6], FileData(b"x")],
    "a path for a name": [*ENTRIES[:2], FileHead("keys", "../root.pem", 0)],
    "a hidden name": [*ENTRIES[:2], FileHead("keys", ".ssh", 0)],
    "no name": [*ENTRIES[:2], FileHead("keys", "", 0)],
    "a place that is none": [*ENTRIES[:2], FileHead("home", "x", 0)],
}


@pytest.mark.parametrize("entries", DISORDER.values(), ids=list(DISORDER))
def test_entries_out_of_order_are_refused(entries: list[Entry]) -> None:
    with pytest.raises(MalformedBackup):
        read(write_lines(entries))


SOUND = b"".join(write_lines(ENTRIES))
BAD_LINES = {
    "an unknown entry": b'{"entry":"more"}\n' + SOUND,
    "an unknown member": SOUND.replace(b'"entry":"head"', b'"entry":"head","extra":1'),
    "no JSON": b"hello\n" + SOUND,
    "no canonical JSON": SOUND.replace(b'{"entry":"head"', b'{ "entry":"head"'),
    "another format": SOUND.replace(b'"format":1', b'"format":2'),
    "no end": SOUND.rpartition(b'{"entries"')[0],
    "another count": SOUND.replace(b'{"entries":9', b'{"entries":8'),
    "two ends": SOUND + SOUND.splitlines()[-1] + b"\n",
    "more behind the end": SOUND + SOUND,
    "a last line without its end": SOUND[:-1],
    "bytes that are no base64": SOUND.replace(b'"data":"', b'"data":"!'),
    "nothing": b"",
    "a list in a column": SOUND.replace(b'"count":3', b'"count":[]'),
    "a column of no known kind": SOUND.replace(b'"count":3', b'"count":{"word":"3"}'),
    "a column of two kinds": SOUND.replace(b'"count":3', b'"count":{"bytes":"","float":"1"}'),
    "a column with no number": SOUND.replace(b'"count":3', b'"count":{"integer":"three"}'),
    "a column with no time": SOUND.replace(b'"count":3', b'"count":{"time":"now"}'),
    "an empty column": SOUND.replace(b'"count":3', b'"count":{}'),
}


@pytest.mark.parametrize("data", BAD_LINES.values(), ids=list(BAD_LINES))
def test_what_is_no_backups_content_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedBackup):
        read([data])


def test_an_endless_line_is_refused_before_it_fills_memory() -> None:
    given_out = 0

    def endless() -> Iterable[bytes]:
        nonlocal given_out
        while True:
            given_out += 1
            yield bytes(1 << 20)

    with pytest.raises(MalformedBackup, match="over the limit"):
        read(endless())
    assert given_out <= canonical.CONTENT_LIMIT // (1 << 20) + 1


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(0, len(SOUND)))
def test_any_bytes_in_the_content_give_the_one_error_or_the_same_entries(
    data: bytes, at: int
) -> None:
    changed = SOUND[:at] + data + SOUND[at + len(data) :]
    try:
        assert len(read([changed])) == len(ENTRIES)
    except MalformedBackup:
        assert changed != SOUND


def test_a_new_file_is_private_whole_and_never_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a.backup"
    with new_file(path) as file:
        file.write(b"data")
        assert not path.exists()
    assert path.read_bytes() == b"data"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError), new_file(path) as file:
        file.write(b"other")
    assert path.read_bytes() == b"data"
    assert [item.name for item in tmp_path.iterdir()] == ["a.backup"]


def test_of_a_file_that_fails_nothing_stays(tmp_path: Path) -> None:
    with pytest.raises(TypeError), new_file(tmp_path / "a.backup") as file:
        file.writelines([b"data", "no bytes"])  # type: ignore[list-item]
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.backup"
    with pytest.raises(FileExistsError), new_file(path):
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    assert [item.name for item in tmp_path.iterdir()] == ["a.backup"]


def test_a_link_that_leads_nowhere_is_a_taken_name(tmp_path: Path) -> None:
    path = tmp_path / "a.backup"
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError), new_file(path):
        pass
    assert not (tmp_path / "elsewhere").exists()
