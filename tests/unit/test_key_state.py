# SPDX-License-Identifier: Apache-2.0
"""Whether a key was allowed to sign, by what the signer claims and by what others vouch for."""

import datetime as dt
from dataclasses import replace

import pytest
from support.keysets import START, signer

from archive.proofs.key_state import SKEW, Signing, key_fault
from archive.proofs.keyset import LOG, MANIFEST, KeysetKey

DAY = dt.timedelta(days=1)
MOMENT = dt.timedelta(microseconds=1)
END = START + 90 * DAY
STOLEN = START + 40 * DAY
ACTIVE_KEY = KeysetKey(signer(1).public_key, MANIFEST, START, END)
RETIRED_KEY = replace(ACTIVE_KEY, state="retired", state_at=END)
REVOKED_KEY = replace(ACTIVE_KEY, state="revoked", invalid_since=STOLEN)


def code(key: KeysetKey, claimed: dt.datetime, trusted: dt.datetime | None = None) -> str | None:
    fault = key_fault(key, Signing(MANIFEST, claimed, trusted))
    return None if fault is None else fault.code


@pytest.mark.parametrize("key", [ACTIVE_KEY, RETIRED_KEY], ids=["active", "retired"])
@pytest.mark.parametrize("trusted", [None, END + 3650 * DAY], ids=["no proof", "a late proof"])
def test_without_revocation_the_claimed_time_is_held_against_the_span(
    key: KeysetKey, trusted: dt.datetime | None
) -> None:
    assert code(key, START - MOMENT, trusted) == "KEY_NOT_YET_VALID"
    assert code(key, START, trusted) is None
    assert code(key, END - MOMENT, trusted) is None
    assert code(key, END, trusted) == "KEY_EXPIRED"


def test_a_proof_of_time_before_the_key_began_contradicts_the_claim() -> None:
    # An authority's clock may lag a little.
    assert code(ACTIVE_KEY, START + DAY, START - SKEW) is None
    assert code(ACTIVE_KEY, START + DAY, START - SKEW - MOMENT) == "KEY_NOT_YET_VALID"


def test_a_revoked_key_is_good_only_for_what_was_proven_before() -> None:
    assert code(REVOKED_KEY, START + DAY, STOLEN - MOMENT) is None
    assert code(REVOKED_KEY, START + DAY, STOLEN) == "KEY_REVOKED"
    assert code(REVOKED_KEY, START + DAY, END) == "KEY_REVOKED"


@pytest.mark.parametrize("claimed", [START, STOLEN - MOMENT, STOLEN, END - MOMENT])
def test_what_a_signer_claims_never_saves_a_revoked_key(claimed: dt.datetime) -> None:
    assert code(REVOKED_KEY, claimed) == "KEY_REVOKED_TIME_UNPROVEN"


def test_a_time_could_still_mend_only_what_claims_to_be_older() -> None:
    for claimed, is_final in ((STOLEN - MOMENT, False), (STOLEN, True)):
        fault = key_fault(REVOKED_KEY, Signing(MANIFEST, claimed))
        assert fault is not None
        assert fault.is_final is is_final


def test_proven_before_the_revocation_and_out_of_its_span_is_still_wrong() -> None:
    assert code(REVOKED_KEY, START - DAY, STOLEN - DAY) == "KEY_NOT_YET_VALID"
    late = replace(REVOKED_KEY, invalid_since=END + 10 * DAY)
    assert code(late, END + DAY, END + 2 * DAY) == "KEY_EXPIRED"


def test_a_key_of_another_role_never_signs() -> None:
    log = replace(ACTIVE_KEY, role=LOG)
    assert code(log, START + DAY) == "KEY_ROLE_MISMATCH"
    assert code(replace(REVOKED_KEY, role=LOG), START + DAY, START + DAY) == "KEY_ROLE_MISMATCH"
    assert key_fault(log, Signing(LOG, START + DAY)) is None
