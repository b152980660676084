# SPDX-License-Identifier: Apache-2.0
"""The JSON examples of the specs are what the strict readers take, and their digests are right."""

import base64
import re

import pytest
from specs import remake_examples
from specs.documents import blocks, codes, spec, table

from archive import canonical
from archive.digests import sha256_hex
from archive.model.claim import Result, Status
from archive.model.inventory import Inventory, expected_subjects
from archive.model.look import Look
from archive.model.outcome import OutcomeKind
from archive.model.statement import CAPTURE_V1, KEYSET_V1, OBSERVATION_V1, Statement
from archive.proofs.dsse import SIGNED_BYTES_LIMIT, Envelope, pae, read_envelope
from archive.proofs.keyset import Keyset
from archive.proofs.keyset_chain import SignedKeyset, newest_trusted

STATEMENT = spec("statement.md")
INVENTORY = spec("inventory.md")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def canonical_form(block: str) -> bytes:
    """The canonical bytes of an example, whose line breaks are for the reader only."""
    return canonical.dumps(canonical.loads(block.encode("utf-8")))


def one(text: str, language: str, label: str) -> bytes:
    (block,) = blocks(text, language, label)
    return canonical_form(block)


def statements() -> dict[str, Statement]:
    found = [
        Statement.from_bytes(canonical_form(block))
        for block in blocks(STATEMENT, "json", "statement")
    ]
    return {statement.predicate_type: statement for statement in found}


def keyset() -> SignedKeyset:
    envelope = read_envelope(one(STATEMENT, "json", "envelope"))
    return SignedKeyset((envelope,), one(STATEMENT, "json", "keyset"))


def test_the_statements_are_one_of_each_type_and_follow_the_schema() -> None:
    found = statements()
    assert set(found) == {CAPTURE_V1, OBSERVATION_V1, KEYSET_V1}
    capture = Look.from_predicate(found[CAPTURE_V1].predicate)
    observation = Look.from_predicate(found[OBSERVATION_V1].predicate)
    assert capture.capture_id is not None
    assert observation.capture_id is None
    for statement in found.values():
        data = statement.to_bytes()
        assert len(pae("application/vnd.in-toto+json", data)) <= SIGNED_BYTES_LIMIT


def test_the_keyset_example_is_signed_by_its_root_key() -> None:
    signed = keyset()
    (root,) = Keyset.from_bytes(signed.content).roots
    assert newest_trusted([signed], [root]).version == 1
    assert f"`{sha256_hex(signed.content)}`" in STATEMENT


def test_the_capture_example_has_the_digest_and_the_signature_that_the_spec_states() -> None:
    payload = statements()[CAPTURE_V1].to_bytes()
    assert f"`{sha256_hex(payload)}`" in STATEMENT
    (written,) = blocks(STATEMENT, "text", "signature")
    listed = Keyset.from_bytes(keyset().content).keys
    ((keyid, key),) = ((id_, key) for id_, key in listed.items() if key.role == "manifest")
    signed = Envelope(payload, keyid, base64.b64decode(written.strip())).signed_bytes()
    assert key.key.verifies(base64.b64decode(written.strip()), signed)


def test_the_inventory_example_is_the_one_that_the_capture_example_signs() -> None:
    data = one(INVENTORY, "json", "inventory")
    inventory = Inventory.from_bytes(data)
    assert f"`{sha256_hex(data)}`" in INVENTORY
    subjects = statements()[CAPTURE_V1].subjects
    assert dict(subjects) == expected_subjects(inventory, sha256_hex(data))


def test_every_json_block_of_every_spec_is_covered_here() -> None:
    labels = {
        "statement.md": ["statement", "statement", "keyset", "statement", "envelope"],
        "inventory.md": ["inventory"],
        "verify-report.md": ["report"],
    }
    for name, expected in labels.items():
        assert len(blocks(spec(name), "json")) == len(expected)
        for label in set(expected):
            assert len(blocks(spec(name), "json", label)) == expected.count(label)
    for name in ("layout.md", "limits.md", "text-recipe-1.md"):
        assert blocks(spec(name), "json") == []


def test_the_report_example_adds_up() -> None:
    (block,) = blocks(spec("verify-report.md"), "json", "report")
    report = canonical.loads(block.encode("utf-8"))
    statuses = [finding["status"] for finding in report["claims"]]
    for status in (Status.PASS, Status.FAIL, Status.UNKNOWN):
        assert report["summary"][status.value] == statuses.count(status.value)
    assert Result(report["result"]).exit_code == report["exit_code"]


@pytest.mark.parametrize(
    ("text", "example"),
    [
        (STATEMENT, one(STATEMENT, "json", "keyset")),
        (STATEMENT, statements()[CAPTURE_V1].to_bytes()),
        (INVENTORY, one(INVENTORY, "json", "inventory")),
        (spec("verify-report.md"), one(spec("verify-report.md"), "json", "report")),
    ],
)
def test_every_member_of_an_example_is_explained(text: str, example: bytes) -> None:
    prose = FENCED.sub("", text)
    explained = {
        name for code in codes(prose) for name in re.findall(r"_?[A-Za-z][A-Za-z0-9_]*", code)
    }
    missing = names_of(canonical.loads(example)) - explained
    assert missing == set()


def names_of(value: canonical.JsonValue) -> set[str]:
    if isinstance(value, dict):
        inner = set().union(*map(names_of, value.values())) if value else set()
        return inner | set(value)
    if isinstance(value, list):
        return set().union(*map(names_of, value)) if value else set()
    return set()


def test_every_member_that_the_predicate_table_explains_is_in_the_example() -> None:
    example = names_of(statements()[CAPTURE_V1].predicate)
    rows = table(STATEMENT.partition("## 4.")[2], "member")
    for cell, *_ in rows:
        for code in codes(cell):
            last = code.rpartition(".")[2]
            assert last in example | {"id", "statement_sha256"}, code


def test_the_outcomes_are_those_of_the_code() -> None:
    rows = table(STATEMENT.partition("## 4.")[2], "member")
    (kinds,) = (row[2] for row in rows if codes(row[0]) == ["outcome.kind"])
    assert codes(kinds) == list(OutcomeKind)


def test_the_examples_can_be_made_again_each_in_its_place() -> None:
    made = remake_examples.examples()
    text = remake_examples.rewritten(STATEMENT, "json keyset", [made["keyset content"]])
    assert one(text, "json", "keyset") == made["keyset content"]
    assert f"`{sha256_hex(made['keyset content'])}`" in text
    assert f"`{sha256_hex(one(STATEMENT, 'json', 'keyset'))}`" not in text
    for name, places in remake_examples.PLACES.items():
        for head, names in places:
            language, label = head.split()
            assert len(blocks(spec(name), language, label)) == len(names)
            assert set(names) <= set(made)
