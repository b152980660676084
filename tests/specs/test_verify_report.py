# SPDX-License-Identifier: Apache-2.0
"""Claims, codes, policies and results in verify-report.md are those of the code."""

import ast
import inspect
import re
from pathlib import Path

from specs.documents import codes, spec, table
from support.archives import flipped, minted, overwrite, page
from support.origin import Origin

import archive.checks
from archive.checks.runner import all_checks
from archive.errors import LibraryMissing, MalformedEvidence, ObjectConflict, StorageError
from archive.model.claim import Finding, Result, Status
from archive.proofs import key_state, timestamp
from archive.proofs.keyset_chain import BrokenChain, KeysetNotAtHand, UnpinnedRoot
from archive.services.context import Archive
from archive.services.verifying.judge import POLICIES, judge
from archive.services.verifying.verify import verify_record
from archive.settings import Settings
from archive.warc import flaws

TEXT = spec("verify-report.md")
CODE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")


def claims() -> dict[str, list[str]]:
    """The rows of the claims table by claim."""
    return {codes(row[0])[0]: row for row in table(TEXT, "claim")}


_STATUSES = {"fails": "fail", "unknown": "unknown", "skipped": "skipped", "warns": "pass"}


def own_codes(claim_id: str) -> dict[str, str]:
    """The codes that a check's source hands out, each with its status."""
    module = Path(archive.checks.__file__).parent / f"{claim_id.replace('.', '_')}.py"
    found = {}
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if not is_call or node.func.attr not in _STATUSES:
            continue
        if len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
            found.setdefault(node.args[1].value, _STATUSES[node.func.attr])
    if claim_id == "warc.records":
        found |= {value: "fail" for name, value in vars(flaws).items() if name == value}
    if claim_id == "key.valid_at_time":
        found |= {value: "fail" for name, value in vars(key_state).items() if name == value}
    if claim_id == "ts.rfc3161":
        online = {timestamp.TS_NONCE}
        found |= {v: "fail" for n, v in vars(timestamp).items() if n == v and v not in online}
        found |= dict.fromkeys(("TS_REVOCATION_UNKNOWN", "TS_AUTHORITY_UNKNOWN"), "unknown")
    return found


def subclasses(kind: type) -> set[type]:
    return {kind}.union(*map(subclasses, kind.__subclasses__()))


def test_the_claims_are_the_checks_with_their_questions() -> None:
    rows = claims()
    assert set(rows) == {check.claim.id for check in all_checks()}
    for check in all_checks():
        _, question, rests_on, _ = rows[check.claim.id]
        assert question == check.claim.question
        assert sorted(codes(rests_on)) == sorted(check.claim.depends_on)


def test_each_claim_lists_the_codes_that_its_check_hands_out() -> None:
    for claim_id, row in claims().items():
        documented = {
            code: mark or "fail"
            for code, mark in re.findall(r"`([A-Z0-9_]+)`(?: \((\w+)\))?", row[3])
        }
        assert documented == own_codes(claim_id), claim_id


def test_the_codes_of_reading_are_those_of_the_error_tree() -> None:
    rows = {codes(code)[0]: status for code, status, _ in table(TEXT, "code")}
    evidence = {kind.code for kind in subclasses(MalformedEvidence)}
    storage = {kind.code for kind in subclasses(StorageError) - {ObjectConflict}}
    assert set(rows) == evidence | storage | {
        BrokenChain.code,
        UnpinnedRoot.code,
        LibraryMissing.code,
    }
    uncertain = {UnpinnedRoot.code, KeysetNotAtHand.code, LibraryMissing.code, *storage}
    uncertain -= {"OBJECT_MISSING"}
    assert {code for code, status in rows.items() if status == "unknown"} == uncertain


def test_every_code_in_the_page_is_known() -> None:
    source = "".join(
        path.read_text(encoding="utf-8")
        for path in Path(inspect.getfile(archive)).parent.rglob("*.py")
        if path.parent.name != "specs"
    )
    for code in set(CODE.findall(TEXT)) - {"RFC_2119"}:
        assert f'"{code}"' in source, code


def test_the_policies_are_those_of_the_code() -> None:
    written = {codes(name)[0]: codes(required) for name, required in table(TEXT, "policy")}
    assert set(written) == set(POLICIES)
    for name in ("bytes-only", "standard"):
        assert tuple(written[name]) == POLICIES[name]
    assert written["court"][0] == "standard"
    assert (*POLICIES["standard"], *written["court"][1:]) == POLICIES["court"]


def test_the_results_have_the_exit_codes_of_the_page() -> None:
    written = {codes(name)[0]: int(code) for name, code, _ in table(TEXT, "result")}
    assert written == {result.value: result.exit_code for result in Result}


def test_the_results_follow_from_findings_as_the_page_says() -> None:
    passed = [Finding(claim, "", Status.PASS) for claim in POLICIES["standard"]]
    failed = Finding("text.derives", "text", Status.FAIL, "TEXT_NOT_REPRODUCIBLE")
    malformed = Finding("envelope.form", "statement", Status.FAIL, "ENVELOPE_MALFORMED")
    assert judge([], "bytes-only") is Result.FAILED
    assert judge(passed, "standard") is Result.VERIFIED
    assert judge(passed, "court") is Result.INCOMPLETE
    assert judge(passed[1:], "standard") is Result.INCOMPLETE
    assert judge([*passed, failed], "bytes-only") is Result.FAILED
    assert judge([malformed], "standard") is Result.MALFORMED


def test_one_damage_fails_one_claim_and_skips_what_rests_on_it(
    archive: Archive, settings: Settings, origin: Origin
) -> None:
    origin.page("/terms", page())
    record = minted(archive, origin.url("/terms"))
    inventory = settings.data / "store" / "captures" / str(record) / "inventory.json"
    overwrite(inventory, flipped(inventory.read_bytes(), 999))
    report = verify_record(archive, record)
    by_status = {
        status: {f.claim for f in report.findings if f.status is status} for status in Status
    }
    assert by_status[Status.FAIL] == {"inventory.bound"}
    assert by_status[Status.SKIPPED] == {
        "object.digest",
        "warc.records",
        "body.from_warc",
        "text.derives",
        "ts.renewal",
        "catalog.agrees",
        "storage.lock",
    }
    assert {f.code for f in report.findings if f.status is Status.SKIPPED} == {"DEPENDS"}


def test_a_damaged_capture_id_in_an_inventory_is_an_answer_and_no_crash(
    archive: Archive, settings: Settings, origin: Origin
) -> None:
    origin.page("/terms", page())
    record = minted(archive, origin.url("/terms"))
    inventory = settings.data / "store" / "captures" / str(record) / "inventory.json"
    overwrite(inventory, inventory.read_bytes().replace(b"-0000001-", b"-0000009-"))
    report = verify_record(archive, record)
    assert {f.claim for f in report.findings if f.status is Status.FAIL} == {"inventory.bound"}
