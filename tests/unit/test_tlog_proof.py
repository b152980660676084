# SPDX-License-Identifier: Apache-2.0
"""Proof files, tiles, bundles and leaves: read strictly, written in one form."""

import base64

import pytest
from support.notes import ORIGIN, head_of, node_of, signed

from archive.errors import MalformedEvidence, MalformedLogEntry, MalformedProof
from archive.model.log_entry import ENTRY_LIMIT, KINDS, LogEntry
from archive.proofs.checkpoint import Checkpoint
from archive.proofs.merkle import inclusion_proof, leaf_hash
from archive.proofs.tiles import (
    Tile,
    levels_of,
    read_bundle,
    read_tile,
    tiles_between,
    write_bundle,
)
from archive.proofs.tlog_proof import LogProof

LEAVES = [leaf_hash(b"%d" % number) for number in range(11)]
PROOF = LogProof(
    5,
    tuple(inclusion_proof(5, 11, node_of(LEAVES))),
    signed(Checkpoint(ORIGIN, head_of(LEAVES)), 2),
)
FILE = PROOF.to_bytes()


def test_a_proof_is_written_as_it_is_read_and_proves_its_leaf_alone() -> None:
    assert FILE.startswith(b"c2sp.org/tlog-proof@v1\nindex 5\n")
    assert LogProof.from_bytes(FILE) == PROOF
    assert [PROOF.includes(leaf) for leaf in LEAVES] == [index == 5 for index in range(11)]


def test_the_extra_line_is_read_never_trusted_and_never_written() -> None:
    extra = FILE.replace(b"\nindex", b"\nextra aW5kZXggOQ==\nindex", 1)
    found = LogProof.from_bytes(extra)
    assert found.untrusted_extra == b"index 9"
    assert (found.index, found.hashes, found.checkpoint) == (5, PROOF.hashes, PROOF.checkpoint)
    assert found.to_bytes() == FILE


HASH = base64.b64encode(LEAVES[0]).decode()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("@v1", "@v2"),
        ("index 5", "index 05"),
        ("index 5", "index -5"),
        ("index 5", "index  5"),
        ("index 5", "index 5 "),
        ("index 5", "index \u0665"),
        ("index 5", "Index 5"),
        ("index 5\n", ""),
        ("index 5", "index 5\nindex 5"),
        ("index 5", "index 5\nextra AAAA"),
        ("index 5", "extra AAA\nindex 5"),
        ("index 5", "extra AAAA\nextra AAAA\nindex 5"),
        ("index 5", "index 5\n"),
        ("index 5", "index 5\r"),
        ("index 5", "index 5\n" + "\n".join([HASH] * 64)),
        ("index 5", f"index 5\n{HASH[:-4]}"),
        ("index 5", f"index 5\n {HASH}"),
        ("c2sp", " c2sp"),
        ("\u2014", "-"),
    ],
)
def test_any_other_spelling_of_a_proof_is_refused(old: str, new: str) -> None:
    changed = FILE.decode().replace(old, new, 1).encode()
    assert changed != FILE
    with pytest.raises(MalformedProof):
        LogProof.from_bytes(changed)


def test_no_byte_of_a_proof_changes_unnoticed() -> None:
    for place in range(len(FILE)):
        changed = bytearray(FILE)
        changed[place] ^= 1
        try:
            found = LogProof.from_bytes(bytes(changed))
        except MalformedProof:
            continue
        is_same_tree = found.checkpoint.checkpoint == PROOF.checkpoint.checkpoint
        is_signature = found.checkpoint.note.signatures != PROOF.checkpoint.note.signatures
        assert not found.includes(LEAVES[5]) or is_signature or not is_same_tree


def test_names_of_tiles_are_those_of_the_specification() -> None:
    assert Tile(0, 1234067).path == "tile/0/x001/x234/067"
    assert Tile(None, 0, 3).path == "tile/entries/000.p/3"
    assert Tile(63, 999).path == "tile/63/999"
    for tile in (Tile(0, 0), Tile(2, 1000, 17), Tile(None, 10**9, 255), Tile(9, 999_999)):
        assert Tile.from_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/00/000",
        "tile/64/000",
        "tile/0/0",
        "tile/0/x000/001",
        "tile/0/1000",
        "tile/0/001/x002",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/data/000",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/\u0660\u0660\u0660",
        "tile/0/000.p/5\n",
    ],
)
def test_other_names_are_no_tiles(path: str) -> None:
    with pytest.raises(MalformedProof):
        Tile.from_path(path)


def test_a_tree_of_70000_leaves_has_the_tiles_that_the_specification_counts() -> None:
    found = {level: list(tiles_between(0, 70_000, level)) for level in levels_of(70_000)}
    assert [(len(tiles), tiles[-1].width) for tiles in found.values()] == [
        (274, 112),
        (2, 17),
        (1, 1),
    ]
    assert list(tiles_between(0, 256, 0)) == [Tile(0, 0)]
    assert list(tiles_between(0, 256, 1)) == [Tile(1, 0, 1)]


def test_growth_makes_only_tiles_that_are_new() -> None:
    assert list(tiles_between(10, 10, 0)) == []
    assert list(tiles_between(10, 12, 0)) == [Tile(0, 0, 12)]
    assert list(tiles_between(10, 260, None)) == [Tile(None, 0), Tile(None, 1, 4)]
    assert list(tiles_between(256, 257, 0)) == [Tile(0, 1, 1)]
    assert list(tiles_between(257, 511, 1)) == []


def test_bundles_and_tiles_are_read_to_their_last_byte_and_no_further() -> None:
    entries = [b"", b"a", b"b" * 300]
    data = write_bundle(entries)
    assert read_bundle(data, 3) == entries
    assert read_tile(b"".join(LEAVES), 11) == LEAVES
    for changed, width in ((data, 2), (data, 4), (data[:-1], 3), (data + b"\0", 3), (b"\0", 1)):
        with pytest.raises(MalformedProof):
            read_bundle(changed, width)
    for changed in (b"".join(LEAVES)[:-1], b"".join(LEAVES) + b"\0"):
        with pytest.raises(MalformedProof):
            read_tile(changed, 11)


CAPTURE = LogEntry("capture", "CA-C-0000001-39", "ab" * 32, "cd" * 32)


def test_a_leaf_has_one_form_and_stays_small() -> None:
    assert CAPTURE.to_bytes() == (
        b'{"envelope_sha256":"' + b"cd" * 32 + b'","id":"CA-C-0000001-39","kind":"capture",'
        b'"statement_sha256":"' + b"ab" * 32 + b'","v":1}'
    )
    for kind in KINDS:
        record_id = "CA-C-0000001-39" if kind == "capture" else None
        entry = LogEntry(kind, record_id, "ab" * 32, None if kind == "keyset" else "cd" * 32)
        assert LogEntry.from_bytes(entry.to_bytes()) == entry
        assert len(entry.to_bytes()) < ENTRY_LIMIT


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"v":1', b'"v":2'),
        (b'"v":1', b'"v":true'),
        (b'"v":1', b'"v":1 '),
        (b'"v":1', b'"v":1,"w":1'),
        (b'"capture"', b'"Capture"'),
        (b'"capture"', b'"custody"'),
        (b"-39", b"-38"),
        (b'"CA-C-0000001-39"', b"null"),
        (b"ab", b"AB"),
        (b"cd", b"c"),
    ],
)
def test_other_leaves_are_refused(old: bytes, new: bytes) -> None:
    with pytest.raises(MalformedEvidence):
        LogEntry.from_bytes(CAPTURE.to_bytes().replace(old, new, 1))


def test_a_keyset_has_no_envelope_in_its_leaf_and_everything_else_has_one() -> None:
    for kind, envelope in (("keyset", "cd" * 32), ("custody", None)):
        with pytest.raises(MalformedLogEntry):
            LogEntry.from_bytes(LogEntry(kind, None, "ab" * 32, envelope).to_bytes())
