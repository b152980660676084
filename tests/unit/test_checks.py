# SPDX-License-Identifier: Apache-2.0
"""Each claim and its named failures, on evidence that its own signer may have bent."""

import datetime as dt
import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from support.keysets import START, Draft, key_row, sealed, signer
from support.looks import REFUSED

from archive import canonical
from archive.checks.evidence import Absent, Evidence, StoreFacts
from archive.checks.runner import all_checks, run_checks
from archive.clock import rfc3339
from archive.digests import sha256_hex
from archive.ids import Kind, RecordId
from archive.model.claim import Finding, Status
from archive.model.inventory import Inventory
from archive.model.lock import COMPLIANCE, GOVERNANCE, NO_LOCK, LockPromise, ObjectLock
from archive.model.look import Look, Redirect, Signer
from archive.model.outcome import OutcomeKind
from archive.model.statement import CAPTURE_V1, INVENTORY, KEYSET_V1, OBSERVATION_V1, Statement
from archive.proofs.keyset_chain import KeysetChain, SignedKeyset
from archive.signing.file import FileSigner

ROOT, ONLINE, OTHER = (signer(seed) for seed in (1, 2, 3))
PINNED = (ROOT.public_key.keyid,)
AT = START + dt.timedelta(days=100)
MOMENT = dt.timedelta(microseconds=1)
DAY = dt.timedelta(days=1)
EMPTY = Inventory(None, None, (), (), None, {})
RECORD = RecordId("CA", Kind.CAPTURE, 7)


def observed(**changes: Any) -> Look:
    """A look at which no connection was made."""
    return replace(
        REFUSED,
        requested_at=rfc3339(AT),
        signer=Signer(ONLINE.public_key.keyid, 1),
        **changes,
    )


@dataclass(frozen=True)
class Bent:
    """Evidence of one observation, any piece of which may be another."""

    look: Look = field(default_factory=observed)
    kind: str = OBSERVATION_V1
    inventory: bytes = EMPTY.to_bytes()
    subjects: dict[str, str] | None = None
    keys: tuple[dict[str, Any], ...] = (key_row(ONLINE),)
    chain: tuple[SignedKeyset, ...] | None = None
    by: FileSigner = ONLINE
    payload: bytes | None = None
    record_id: RecordId | None = None
    statement_sha256: str | None = None
    promise: LockPromise | Absent | None = None
    locks: dict[str, ObjectLock | Absent] = field(default_factory=dict)

    def signed(self) -> bytes:
        subjects = self.subjects or {INVENTORY: sha256_hex(self.inventory)}
        predicate, _ = self.look.to_predicate()
        return self.payload or Statement(subjects, self.kind, predicate).to_bytes()

    def evidence(self) -> Evidence:
        first = Draft(1, None, [ROOT], self.keys).signed()
        return Evidence(
            record_id=self.record_id,
            statement_sha256=self.statement_sha256,
            envelope_bytes=sealed(self.by, self.signed()).to_bytes(),
            inventory_bytes=self.inventory,
            chain=KeysetChain((first,) if self.chain is None else self.chain, PINNED),
            container=lambda _: Absent("OBJECT_MISSING", "there is none", is_certain=True),
            store=StoreFacts(lambda _: self.promise, self.locks.__getitem__, AT + DAY),
        )

    def findings(self) -> tuple[Finding, ...]:
        return run_checks(self.evidence())

    def root_cause(self) -> tuple[str, str]:
        """The one claim that fails, and its code; all that rest on it are skipped."""
        bad = [f for f in self.findings() if f.status is Status.FAIL]
        assert len(bad) == 1, bad
        return bad[0].claim, bad[0].code


def bent(**changes: Any) -> Bent:
    return Bent(**changes)


def test_the_sound_evidence_is_sound() -> None:
    statuses = {finding.claim: finding.status for finding in bent().findings()}
    assert statuses.pop("server.authorship") is Status.UNKNOWN
    assert set(statuses.values()) <= {Status.PASS, Status.NOT_APPLICABLE}
    unasked = {"server.authorship", "package.form"}  # the second is asked of exhibits alone
    assert set(statuses) == {check.claim.id for check in all_checks()} - unasked


def test_every_check_comes_after_those_that_it_rests_on() -> None:
    seen: set[str] = set()
    for check in all_checks():
        assert set(check.claim.depends_on) <= seen, check.claim.id
        seen.add(check.claim.id)


def test_every_claim_is_answered_whatever_fails() -> None:
    wanted = {check.claim.id for check in all_checks()} - {"package.form"}  # of exhibits alone
    for broken in (bent(), bent(payload=b"{}"), bent(by=OTHER), bent(chain=())):
        assert {finding.claim for finding in broken.findings()} == wanted


DAY = dt.timedelta(days=1)
KEYS: dict[str, tuple[dict[str, Any], str]] = {
    "not yet valid": (key_row(ONLINE, valid_from=rfc3339(AT + DAY)), "KEY_NOT_YET_VALID"),
    "expired": (key_row(ONLINE, valid_until=rfc3339(AT - DAY)), "KEY_EXPIRED"),
    "expired in this very moment": (key_row(ONLINE, valid_until=rfc3339(AT)), "KEY_EXPIRED"),
    "revoked since long": (
        key_row(ONLINE, state="revoked", invalid_since=rfc3339(AT - DAY)),
        "KEY_REVOKED_TIME_UNPROVEN",
    ),
    "revoked later, and only the signer says when it signed": (
        key_row(ONLINE, state="revoked", invalid_since=rfc3339(AT + DAY)),
        "KEY_REVOKED_TIME_UNPROVEN",
    ),
}


@pytest.mark.parametrize(("row", "code"), list(KEYS.values()), ids=list(KEYS))
def test_a_key_that_was_not_valid_is_told_by_name(row: dict[str, Any], code: str) -> None:
    assert bent(keys=(row,)).root_cause() == ("key.valid_at_time", code)


def test_a_retired_key_still_vouches_for_what_it_signed() -> None:
    retired = bent(keys=(key_row(ONLINE, state="retired"),))
    assert {f.status for f in retired.findings()} & {Status.FAIL, Status.SKIPPED} == set()


def test_the_first_moment_of_validity_counts() -> None:
    just = bent(keys=(key_row(ONLINE, valid_from=rfc3339(AT)),))
    assert not any(finding.status is Status.FAIL for finding in just.findings())


def test_a_statement_names_the_key_that_signs_it() -> None:
    stolen = bent(by=OTHER, keys=(key_row(ONLINE), key_row(OTHER)))
    assert stolen.root_cause() == ("key.valid_at_time", "KEYID_BINDING")


def test_a_keyset_older_than_the_statement_names_is_a_rollback() -> None:
    later = bent(look=observed(), payload=None)
    look = replace(later.look, signer=Signer(ONLINE.public_key.keyid, 2))
    assert replace(later, look=look).root_cause() == ("key.valid_at_time", "KEYSET_ROLLBACK")


def test_a_newer_keyset_than_the_statement_names_is_fine() -> None:
    first = Draft(1, None, [ROOT], [key_row(ONLINE)]).signed()
    second = Draft(2, first.statement_sha256, [ROOT], [key_row(ONLINE), key_row(OTHER)]).signed()
    newer = bent(chain=(first, second))
    assert not any(finding.status is Status.FAIL for finding in newer.findings())


def test_a_key_that_a_newer_keyset_dropped_is_unknown() -> None:
    first = Draft(1, None, [ROOT], [key_row(ONLINE)]).signed()
    second = Draft(2, first.statement_sha256, [ROOT], [key_row(OTHER)]).signed()
    assert bent(chain=(first, second)).root_cause() == ("key.chain", "KEY_UNKNOWN")


@pytest.mark.parametrize(
    "chain",
    [
        (),
        (Draft(2, None, [ROOT], [key_row(ONLINE)]).signed(),),
        (Draft(1, None, [ROOT], [key_row(ONLINE)]).signed(OTHER),),
    ],
    ids=["none", "no first", "signed by a stranger"],
)
def test_a_broken_chain_fails_its_claim_alone(chain: tuple[SignedKeyset, ...]) -> None:
    assert bent(chain=chain).root_cause() == ("key.chain", "KEYSET_CHAIN_BROKEN")


def test_an_unpinned_root_makes_nothing_false_and_nothing_proven() -> None:
    forged = Draft(1, None, [OTHER], [key_row(ONLINE)]).signed()
    findings = bent(chain=(forged,)).findings()
    assert not any(finding.status is Status.FAIL for finding in findings)
    codes = {f.claim: f.code for f in findings if f.status is Status.UNKNOWN}
    assert codes["key.chain"] == "ROOT_NOT_PINNED"
    proven = {finding.claim for finding in findings if finding.status is Status.PASS}
    assert proven == {"envelope.form"}


def signed_json(change: Any) -> bytes:
    value = json.loads(bent().signed())
    change(value)
    return canonical.dumps(value)


PAYLOADS: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"hello", "STATEMENT_NOT_CANONICAL"),
    "spaces": (bent().signed().replace(b":", b": ", 1), "STATEMENT_NOT_CANONICAL"),
    "a key twice": (b'{"_type":1,"_type":1}', "STATEMENT_NOT_CANONICAL"),
    "a float": (b'{"_type":1.5}', "STATEMENT_NOT_CANONICAL"),
    "a number out of range": (b'{"_type":9007199254740992}', "STATEMENT_NOT_CANONICAL"),
    "an empty object": (b"{}", "STATEMENT_SCHEMA"),
    "another type": (signed_json(lambda v: v.update(_type="x")), "STATEMENT_SCHEMA"),
    "an unknown member": (signed_json(lambda v: v.update(extra=1)), "STATEMENT_SCHEMA"),
    "an unknown predicate type": (
        signed_json(lambda v: v.update(predicateType="https://x.example/v1")),
        "STATEMENT_SCHEMA",
    ),
    "a keyset statement": (
        Statement({"content.json": "a" * 64}, KEYSET_V1, {"version": 1}).to_bytes(),
        "STATEMENT_SCHEMA",
    ),
    "no subject": (signed_json(lambda v: v.update(subject=[])), "STATEMENT_SCHEMA"),
    "nine subjects": (
        Statement({f"s{n}": "a" * 64 for n in range(9)}, OBSERVATION_V1, {}).to_bytes(),
        "STATEMENT_SCHEMA",
    ),
    "a subject twice": (
        signed_json(lambda v: v["subject"].append(v["subject"][0])),
        "STATEMENT_SCHEMA",
    ),
    "a subject with a further digest": (
        signed_json(lambda v: v["subject"][0]["digest"].update(sha1="a")),
        "STATEMENT_SCHEMA",
    ),
    "a bad record ID": (
        signed_json(lambda v: v["predicate"].update(capture_id="CA-C-0000007-00")),
        "STATEMENT_SCHEMA",
    ),
    "a capture statement without a capture": (bent(kind=CAPTURE_V1).signed(), "STATEMENT_SCHEMA"),
    "an observation that names a capture": (
        bent(look=observed(capture_id=RECORD)).signed(),
        "STATEMENT_SCHEMA",
    ),
    "a good look that is no capture": (
        bent(look=observed(outcome=OutcomeKind.OK)).signed(),
        "STATEMENT_SCHEMA",
    ),
    "a capture of a look that was not good": (
        bent(look=observed(capture_id=RECORD), kind=CAPTURE_V1).signed(),
        "STATEMENT_SCHEMA",
    ),
    "an answer that came before it was asked for": (
        bent(look=observed(status=200, received_at=rfc3339(AT - MOMENT))).signed(),
        "STATEMENT_SCHEMA",
    ),
    "a status that came at no time": (bent(look=observed(status=200)).signed(), "STATEMENT_SCHEMA"),
    "a time of an answer without a status": (
        bent(look=observed(received_at=rfc3339(AT))).signed(),
        "STATEMENT_SCHEMA",
    ),
}


@pytest.mark.parametrize(("payload", "code"), list(PAYLOADS.values()), ids=list(PAYLOADS))
def test_a_signed_payload_with_two_readings_is_refused(payload: bytes, code: str) -> None:
    assert bent(payload=payload).root_cause() == ("statement.canonical", code)


def test_a_statement_of_another_record_is_an_id_mismatch() -> None:
    assert bent(record_id=RECORD).root_cause() == ("statement.id", "ID_MISMATCH")
    assert bent(statement_sha256="0" * 64).root_cause() == ("statement.id", "ID_MISMATCH")


def test_a_signed_inventory_of_another_record_is_an_id_mismatch() -> None:
    other = replace(EMPTY, capture_id=RECORD).to_bytes()
    assert bent(inventory=other).root_cause() == ("statement.id", "ID_MISMATCH")


def test_another_inventory_than_the_signed_one_is_not_bound() -> None:
    signed = {INVENTORY: sha256_hex(EMPTY.to_bytes())}
    other = replace(EMPTY, capture_id=RECORD).to_bytes()
    for data in (b"", b"junk", other):
        found = bent(subjects=signed, inventory=data or b" ").root_cause()
        assert found == ("inventory.bound", "INVENTORY_NOT_BOUND")


def test_a_signed_inventory_that_is_malformed_is_told() -> None:
    claim, code = bent(inventory=b"{}").root_cause()
    assert (claim, code) == ("inventory.bound", "INVENTORY_MALFORMED")


def test_signed_overflow_that_the_statement_does_not_name_is_not_bound() -> None:
    extra = replace(EMPTY, overflow={"url": "https://a.example/"}).to_bytes()
    assert bent(inventory=extra).root_cause() == ("inventory.bound", "INVENTORY_NOT_BOUND")


def test_a_subject_that_the_inventory_does_not_list_is_told() -> None:
    subjects = {INVENTORY: sha256_hex(EMPTY.to_bytes()), "logo": "a" * 64}
    assert bent(subjects=subjects).root_cause() == ("inventory.bound", "OBJECT_UNLISTED")


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"final_url": "https://b.example/"}, ("warc.records", "WARC_STATEMENT_MISMATCH")),
        (
            {"redirects": (Redirect("https://a.example/terms", 301),)},
            ("warc.records", "WARC_STATEMENT_MISMATCH"),
        ),
        ({"status": 200, "received_at": rfc3339(AT)}, ("inventory.bound", "PART_MISSING")),
        ({"recipe": "text/1", "text_sha256": "a" * 64}, ("inventory.bound", "PART_MISSING")),
    ],
)
def test_a_statement_tells_of_nothing_that_is_not_stored(
    changes: dict[str, Any], cause: tuple[str, str]
) -> None:
    assert bent(look=observed(**changes)).root_cause() == cause


@pytest.mark.parametrize(("is_certain", "status"), [(True, Status.FAIL), (False, Status.UNKNOWN)])
def test_missing_is_false_and_unreadable_is_unknown(is_certain: bool, status: Status) -> None:  # noqa: FBT001
    absent = Absent("SOME_CODE", "why", is_certain)
    for member, claim in (
        ("envelope_bytes", "envelope.form"),
        ("inventory_bytes", "inventory.bound"),
    ):
        evidence = replace(bent().evidence(), **{member: absent})
        answers = [finding for finding in run_checks(evidence) if finding.claim == claim]
        assert [(answer.status, answer.code) for answer in answers] == [(status, "SOME_CODE")]


def test_evidence_is_fetched_once_so_that_what_was_hashed_is_what_is_used() -> None:
    from archive.model.inventory import Container

    asked = []

    def fetch(container: Container) -> bytes:
        asked.append(container.sha256)
        return str(len(asked)).encode()

    evidence = replace(bent().evidence(), container=fetch)
    container = Container("a" * 64, 1)
    assert evidence.container_bytes(container) == evidence.container_bytes(container) == b"1"


PROMISE = LockPromise("compliance", 10)
STRICT = ObjectLock(COMPLIANCE, AT + 11 * DAY, is_held=False)
HELD = ObjectLock(GOVERNANCE, AT + 10 * DAY, is_held=True)
AWAY = Absent("STORAGE_REFUSED", "no right to ask", is_certain=False)


def lock_answers(evidence: Evidence) -> dict[str, tuple[str, str]]:
    """Status and code of claim storage.lock for each target."""
    return {
        f.target: (f.status.value, f.code)
        for f in run_checks(evidence)
        if f.claim == "storage.lock"
    }


@pytest.mark.parametrize(
    ("statement", "inventory", "answers"),
    [
        (STRICT, HELD, [("pass", ""), ("pass", "")]),
        (STRICT, replace(HELD, mode=COMPLIANCE), [("pass", ""), ("pass", "")]),
        (NO_LOCK, HELD, [("fail", "LOCK_ABSENT"), ("pass", "")]),
        (STRICT, replace(NO_LOCK, is_held=True), [("pass", ""), ("fail", "LOCK_ABSENT")]),
        (replace(STRICT, mode=GOVERNANCE), HELD, [("fail", "LOCK_SHORT"), ("pass", "")]),
        (
            replace(STRICT, until=AT + 10 * DAY - MOMENT),
            HELD,
            [("fail", "LOCK_SHORT"), ("pass", "")],
        ),
        (STRICT, replace(HELD, is_held=False), [("pass", ""), ("fail", "LOCK_SHORT")]),
        (STRICT, AWAY, [("pass", ""), ("unknown", "LOCK_UNASKED")]),
    ],
)
def test_a_lock_must_be_what_was_promised(
    statement: ObjectLock | Absent,
    inventory: ObjectLock | Absent,
    answers: list[tuple[str, str]],
) -> None:
    locks = {"statement": statement, "inventory": inventory}
    found = lock_answers(bent(promise=PROMISE, locks=locks).evidence())
    assert list(found) == ["statement", "inventory"]
    assert list(found.values()) == answers


def test_at_level_governance_all_is_under_governance() -> None:
    locks = {"statement": replace(HELD, is_held=False), "inventory": HELD}
    found = lock_answers(bent(promise=LockPromise("governance", 10), locks=locks).evidence())
    assert set(found.values()) == {("pass", "")}


@pytest.mark.parametrize(
    ("promise", "answer"),
    [
        (None, ("not_applicable", "")),
        (LockPromise("compliance", 1), ("not_applicable", "")),
        (AWAY, ("unknown", "LOCK_UNASKED")),
    ],
)
def test_without_a_promise_in_force_no_lock_is_asked_for(
    promise: LockPromise | Absent | None, answer: tuple[str, str]
) -> None:
    assert lock_answers(bent(promise=promise).evidence()) == {"store": answer}


def test_without_a_store_a_lock_is_not_known() -> None:
    evidence = replace(bent(promise=PROMISE).evidence(), store=None)
    assert lock_answers(evidence) == {"store": ("unknown", "LOCK_UNASKED")}


def test_a_promise_ends_on_a_whole_second_and_never_too_early() -> None:
    assert PROMISE.end(AT) == AT + 10 * DAY
    assert PROMISE.end(AT + MOMENT) == AT + 10 * DAY + dt.timedelta(seconds=1)
