# SPDX-License-Identifier: Apache-2.0
"""The key table of layout.md is what the code writes and reads."""

import re

import pytest
from specs.documents import codes, spec, table

from archive.ids import Kind, RecordId
from archive.model.custody import CustodyEvent
from archive.proofs.log_layout import LATEST, checkpoint_key
from archive.services.context import Archive, signing_key
from archive.services.statements.assertion import Assertion, state
from archive.services.trust import trusted_keyset
from archive.storage import layout

TEXT = spec("layout.md")
CAPTURE = RecordId("CA", Kind.CAPTURE, 1)
SHA256 = "24b7c6c8a65999a8be711db19a1a1bb304325a84c9b3fbcfa422ecec811574fa"
VALUES = {
    "<sha256>": SHA256,
    "<h1>": SHA256[:2],
    "<h2>": SHA256[2:4],
    "<id>": str(CAPTURE),
    "<keyid8>": "875336a3",
    "<n>": "12",
    "<kind>": "custody",
    "<random>": SHA256[:32],
    "<word>": "canary",
    "<tile>": "entries/067.p/5",
    "<size>": "8",
    "<file>": "tsa.example.tsr",
}
WRITTEN = {
    "blob": layout.blob_key(SHA256),
    "inventory": layout.inventory_key(CAPTURE),
    "statement": layout.statement_key(CAPTURE, "875336a3"),
    "proof": layout.proof_key(str(CAPTURE), 12, "tsa.example.tsr"),
    "checkpoint-proof": layout.proof_key("8", 12, "tsa.example.tsr"),
    "observation": layout.observation_key(SHA256, "875336a3"),
    "assertion": layout.assertion_key("custody", SHA256, "875336a3"),
    "keyset": layout.keyset_key(12, "875336a3"),
    "tile": "log/tile/entries/067.p/5",
    "checkpoint": checkpoint_key(8),
    "latest": LATEST,
    "probe": layout.probe_key(SHA256[:32], "canary"),
}


def documented() -> dict[str, str]:
    """Role and key pattern of each row of the table."""
    return {codes(role)[0]: codes(key)[0] for key, role, _ in table(TEXT, "key")}


def filled(pattern: str) -> str:
    return re.sub(r"<[a-z0-9]+>", lambda match: VALUES[match[0]], pattern)


def test_the_table_names_every_role_that_the_code_writes_and_no_other() -> None:
    assert {role: filled(pattern) for role, pattern in documented().items()} == WRITTEN


@pytest.mark.parametrize("role", sorted(WRITTEN))
def test_a_key_of_the_table_is_read_as_its_role(role: str) -> None:
    assert layout.read_key(filled(documented()[role])).role == role


@pytest.mark.parametrize(
    "key",
    [
        f"blobs/sha256/00/b7/{SHA256}",
        f"blobs/sha256/24/b7/{SHA256.upper()}",
        "captures/CA-C-0000001-40/inventory.json",
        "captures/CA-C-0000001/inventory.json",
        "trust/keyset/0.875336a3.dsse.json",
        "trust/keyset/01.875336a3.dsse.json",
        "probe/0123",
        f"statements/capture/{SHA256}.875336a3.dsse.json",
    ],
)
def test_what_is_not_in_the_table_has_the_role_other(key: str) -> None:
    assert layout.read_key(key).role == "other"


def test_every_key_of_a_real_archive_is_in_the_table(varied: Archive) -> None:
    event = CustodyEvent("export", "2026-11-27T10:00:00.000000Z", "operator", (CAPTURE,), "WACZ")
    state(
        varied,
        signing_key(varied, trusted_keyset(varied)),
        [Assertion("custody", event.to_json())],
    )
    roles = {layout.read_key(item.key).role for item in varied.store.list()}
    # Canaries are left behind by servers only, and this archive asks no authority for tokens.
    assert roles == set(documented()) - {"probe", "proof", "checkpoint-proof"}
