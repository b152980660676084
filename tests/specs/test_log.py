# SPDX-License-Identifier: Apache-2.0
"""log.md says what the code does: strict readers take its example, and its tables are true."""

import re

from specs.documents import blocks, codes, spec, table

from archive import canonical
from archive.model.log_entry import ENTRY_LIMIT, KINDS, LogEntry
from archive.proofs.add_checkpoint import PATH, SIZE_TYPE
from archive.proofs.checkpoint import SignedCheckpoint
from archive.proofs.log_layout import LATEST, checkpoint_key, tile_key
from archive.proofs.merkle import leaf_hash
from archive.proofs.note import VerifierKey
from archive.proofs.tiles import Tile
from archive.proofs.tlog_proof import LogProof
from archive.storage.layout import read_key

TEXT = spec("log.md")


def block(label: str) -> str:
    (found,) = blocks(TEXT, "text", label)
    return found


def leaf() -> bytes:
    (found,) = blocks(TEXT, "json", "leaf")
    return canonical.dumps(canonical.loads(found.encode()))


def key(label: str) -> VerifierKey:
    return VerifierKey.from_text(block(label).removesuffix("\n"))


def test_the_leaf_of_the_example_is_one_and_has_the_hash_that_stands_there() -> None:
    entry = LogEntry.from_bytes(leaf())
    assert entry.to_bytes() == leaf()
    assert leaf_hash(leaf()).hex() == block("leaf-hash").strip()
    assert f"at most {ENTRY_LIMIT} bytes" in TEXT


def test_the_members_and_kinds_of_a_leaf_are_those_of_the_code() -> None:
    rows = {codes(member)[0]: meaning for member, _, meaning in table(TEXT, "member")}
    assert set(rows) == set(canonical.loads(leaf()))
    assert sorted(codes(rows["kind"])) == sorted(KINDS)


def test_the_checkpoint_of_the_example_holds_under_the_two_keys_beside_it() -> None:
    checkpoint = SignedCheckpoint.from_bytes(block("checkpoint").encode())
    assert checkpoint.judged(key("log-key")).is_valid
    assert checkpoint.judged(key("witness-key")).is_valid
    assert checkpoint.judged(key("witness-key")).time is not None
    assert checkpoint.to_bytes() == block("checkpoint").encode()


def test_the_policy_of_the_example_trusts_these_two_keys() -> None:
    assert block("policy") == (
        f"log {key('log-key').to_text()}\n"
        f"witness w1 {key('witness-key').to_text()}\n"
        "group witnesses 1 w1\n"
        "quorum witnesses\n"
    )


def test_the_proof_of_the_example_is_of_its_leaf_and_has_its_checkpoint() -> None:
    proof = LogProof.from_bytes(block("proof").encode())
    assert proof.includes(leaf_hash(leaf()))
    assert proof.checkpoint.to_bytes() == block("checkpoint").encode()
    assert proof.to_bytes() == block("proof").encode()


def test_the_keys_of_the_table_are_those_of_the_code() -> None:
    keys = [codes(cell)[0] for cell, _, _ in table(TEXT, "key in the store")]
    written = [
        LATEST,
        checkpoint_key(8),
        checkpoint_key(8, 2),
        tile_key(Tile(0, 67, 5)),
        tile_key(Tile(None, 67, 5)),
    ]
    values = {"<size>": "8", "<n>": "2", "<L>": "0", "<N>": "067", "[.p/<W>]": ".p/5"}
    filled = [re.sub(r"\[\.p/<W>\]|<\w+>", lambda m: values[m[0]], each) for each in keys]
    assert filled == written
    roles = ["latest", "checkpoint", "checkpoint", "tile", "tile"]
    assert [read_key(each).role for each in written] == roles


def test_the_request_to_a_witness_is_named_as_in_the_code() -> None:
    assert f"/{PATH}`" in TEXT
    assert f"`{SIZE_TYPE}`" in TEXT
