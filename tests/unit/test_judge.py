# SPDX-License-Identifier: Apache-2.0
"""The bottom line of a report: never a pass for lack of findings."""

import itertools

import pytest

from archive.errors import InputError
from archive.model.claim import Finding, Result, Status
from archive.services.verifying.judge import POLICIES, judge, not_proven, required_claims


def findings(policy: str, **statuses: Status) -> list[Finding]:
    """A pass of every required claim, but for those given (dots written as underscores)."""
    changed = {name.replace("__", "."): status for name, status in statuses.items()}
    return [
        Finding(claim, "x", changed.get(claim, Status.PASS)) for claim in required_claims(policy)
    ]


@pytest.mark.parametrize("policy", list(POLICIES))
def test_all_required_claims_proven_is_verified(policy: str) -> None:
    assert judge(findings(policy), policy) is Result.VERIFIED
    assert not_proven(findings(policy), policy) == ()


@pytest.mark.parametrize("policy", list(POLICIES))
def test_no_findings_at_all_is_a_failure(policy: str) -> None:
    assert judge([], policy) is Result.FAILED
    assert not_proven([], policy) == required_claims(policy)


@pytest.mark.parametrize("policy", list(POLICIES))
def test_each_required_claim_that_is_not_answered_makes_it_incomplete(policy: str) -> None:
    for left_out in required_claims(policy):
        rest = [item for item in findings(policy) if item.claim != left_out]
        assert judge(rest, policy) is Result.INCOMPLETE
        assert not_proven(rest, policy) == (left_out,)


@pytest.mark.parametrize("status", [Status.UNKNOWN, Status.SKIPPED])
def test_what_is_not_known_is_never_verified(status: Status) -> None:
    for claim in required_claims("standard"):
        changed = [
            Finding(item.claim, "x", status) if item.claim == claim else item
            for item in findings("standard")
        ]
        assert judge(changed, "standard") is Result.INCOMPLETE


def test_one_failing_target_outweighs_any_number_of_passes() -> None:
    for order in itertools.permutations([Status.PASS, Status.FAIL, Status.PASS]):
        answers = [Finding("object.digest", str(n), status) for n, status in enumerate(order)]
        rest = [item for item in findings("standard") if item.claim != "object.digest"]
        assert judge([*rest, *answers], "standard") is Result.FAILED
        assert not_proven([*rest, *answers], "standard") == ("object.digest",)


def test_a_failure_that_the_policy_does_not_ask_for_still_fails() -> None:
    extra = Finding("text.derives", "text", Status.FAIL)
    assert judge([*findings("bytes-only"), extra], "bytes-only") is Result.FAILED


def test_not_applicable_counts_as_proven() -> None:
    assert judge(findings("standard", text__derives=Status.NOT_APPLICABLE), "standard") is (
        Result.VERIFIED
    )


def test_a_malformed_envelope_alone_is_malformed() -> None:
    assert judge(findings("standard", envelope__form=Status.FAIL), "standard") is Result.MALFORMED
    both = findings("standard", envelope__form=Status.FAIL, signature=Status.FAIL)
    assert judge(both, "standard") is Result.FAILED


def test_exit_codes_are_those_that_scripts_rely_on() -> None:
    assert [result.exit_code for result in Result] == [0, 1, 2, 3]
    assert [result.value for result in Result] == ["verified", "failed", "incomplete", "malformed"]


def test_standard_asks_for_bytes_and_court_for_all_of_standard() -> None:
    assert set(POLICIES["bytes-only"]) < set(POLICIES["standard"]) < set(POLICIES["court"])
    assert judge(findings("standard"), "court") is Result.INCOMPLETE


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(InputError, match="bytes-only, standard, court"):
        required_claims("lenient")
