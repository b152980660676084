# SPDX-License-Identifier: Apache-2.0
"""Each attack on an exhibit is a frozen file, and gives the one finding that names it."""

from pathlib import Path

import pytest
from attacks import remake
from attacks.logs import ATTACKS as LOGS
from attacks.packages import BAGS, WARCS, ZIPS
from attacks.statements import ATTACKS
from attacks.tokens import ATTACKS as TOKENS
from support.exhibits import LATER, verified

from archive.model.claim import Result, Status

EXPECTED = {
    name: cause
    for table in (ATTACKS, LOGS, TOKENS, WARCS, ZIPS, BAGS)
    for name, (_, cause) in table.items()
}
# Not false, and not proven: the verdict says what is missing.
UNKNOWN = {"ROOT_NOT_PINNED", "ZIP_REPACKED", "FILE_MISSING", "WITNESS_QUORUM"}
ALWAYS = {"server.authorship", "storage.lock"}
SOUND = ("sound", "witnessed", "stamped")
ROOT = (remake.FOLDER / "root.keyid").read_text().strip()


def bundle(name: str) -> Path:
    return remake.FOLDER / f"{name}.zip"


def test_there_is_one_frozen_file_for_each_attack() -> None:
    frozen = {path.stem for path in remake.FOLDER.glob("*.zip")}
    assert frozen == {*EXPECTED, *SOUND}


@pytest.mark.parametrize("name", SOUND)
def test_the_exhibit_that_they_are_made_of_is_verified(name: str) -> None:
    report = verified(bundle(name), (ROOT,))
    assert report.result is Result.VERIFIED, report.required_failed


@pytest.mark.parametrize("name", list(EXPECTED))
def test_an_attack_is_told_by_name(name: str) -> None:
    report = verified(bundle(name), (ROOT,))
    failed = [(f.claim, f.code) for f in report.findings if f.status is Status.FAIL]
    unsure = [
        (f.claim, f.code)
        for f in report.findings
        if f.status is Status.UNKNOWN and f.claim not in ALWAYS and f.code != "TIME_OPEN"
    ]
    cause = EXPECTED[name]
    if cause is None:
        assert (report.result, failed, unsure) == (Result.VERIFIED, [], [])
        return
    assert report.result is not Result.VERIFIED
    if failed:
        assert set(failed) == {cause}
    else:
        assert cause[1] in UNKNOWN
        assert unsure[:1] == [cause]


def test_twenty_years_ahead_it_still_verifies_and_says_that_its_token_is_to_be_renewed() -> None:
    later = LATER.replace(year=LATER.year + 20)
    report = verified(bundle("stamped"), (ROOT,), now=later)
    assert report.result is Result.VERIFIED, report.required_failed
    told = {(f.claim, f.code) for f in report.findings if f.code}
    assert ("ts.rfc3161", "TS_RENEWAL_DUE") in told
    assert report.to_json()["time"]["not_after"] is not None
    assert not [
        f
        for f in verified(bundle("stamped"), (ROOT,)).findings
        if f.claim == "ts.rfc3161" and f.code
    ]
