# SPDX-License-Identifier: Apache-2.0
"""Whatever is done to tokens in the store, or to their rows, is named by claim and by audit."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.archives import (
    audited,
    damaged,
    failures,
    flipped,
    minted,
    new_archive,
    page,
    rebuilt,
    settings_at,
    stored_file,
    tables,
)
from support.origin import Origin
from support.stamping import TimeServer, trusting

from archive import canonical
from archive.catalog.tables import time_token
from archive.ids import RecordId
from archive.model.claim import Result, Status
from archive.services.context import Archive
from archive.services.stamping.stamp import stamp_all
from archive.services.verifying.verify import verify_record
from archive.settings import Settings


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimeServer]:
    with TimeServer(tmp_path_factory.mktemp("tsa"), has_lists=True) as server:
        yield server


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, server: TimeServer) -> Settings:
    folder = tmp_path_factory.mktemp("archive") / "data"
    return settings_at(
        folder, MUNIMENT_TIMESTAMPING_URLS=server.setting, MUNIMENT_TIMESTAMPING_CHECKPOINTS="never"
    )


@pytest.fixture(scope="module")
def archive(settings: Settings, server: TimeServer) -> Iterator[Archive]:
    archive = new_archive(settings)
    trusting(archive, settings, server)
    yield archive
    archive.close()


@pytest.fixture(scope="module")
def record(archive: Archive) -> RecordId:
    with Origin() as origin:
        origin.page("/terms", page())
        record = minted(archive, origin.url("/terms"))
    assert stamp_all(archive, lambda: None).done == [str(record)]
    assert verify_record(archive, record).result is Result.VERIFIED
    assert audited(archive).exit_code == 0
    return record


def proof(settings: Settings, record: RecordId, name: str) -> Path:
    return stored_file(settings, f"captures/{record}/proofs/1/{name}")


def damage_codes(archive: Archive) -> set[tuple[str, str]]:
    return {(damage.claim, damage.code) for damage in audited(archive, "plain").damages}


@pytest.mark.parametrize("name", ["own.tsr", "proofs.json"])
def test_every_flipped_bit_of_a_batch_is_detected(
    archive: Archive, settings: Settings, record: RecordId, name: str
) -> None:
    """Also the bits that a signature of CMS leaves open: their digest is pinned."""
    place = proof(settings, record, name)
    sound = place.read_bytes()
    # Each byte once, in turn at another bit: the verdict on each of 8 bits is in the unit tests.
    for number in range(len(sound)):
        with damaged(place, flipped(sound, number * 8 + number % 8)):
            report = verify_record(archive, record)
            found = {f.code for f in report.findings if f.claim == "ts.rfc3161" and f.code}
        assert report.result is not Result.VERIFIED, number
        assert found, number
        assert {claim for claim, _ in failures(report)} <= {"ts.rfc3161"}, number


def test_altered_token_is_named_with_its_file_by_the_audit(
    archive: Archive, settings: Settings, record: RecordId
) -> None:
    place = proof(settings, record, "own.tsr")
    with damaged(place, flipped(place.read_bytes(), 99)):
        [damage] = audited(archive, "plain").damages
    assert damage.key == f"captures/{record}/proofs/1/own.tsr"
    assert (damage.claim, damage.code) == ("ts.rfc3161", "OBJECT_DIGEST_MISMATCH")


def test_missing_token_is_named(archive: Archive, settings: Settings, record: RecordId) -> None:
    with damaged(proof(settings, record, "own.tsr"), None):
        assert ("ts.rfc3161", "OBJECT_MISSING") in failures(verify_record(archive, record))
        assert damage_codes(archive) == {("ts.rfc3161", "OBJECT_MISSING")}


def test_missing_batch_is_pending_to_a_verifier_and_named_by_the_audit(
    archive: Archive, settings: Settings, record: RecordId
) -> None:
    listing = proof(settings, record, "proofs.json")
    token = proof(settings, record, "own.tsr")
    with damaged(listing, None), damaged(token, None):
        report = verify_record(archive, record)
        assert (report.result, report.required_failed) == (Result.INCOMPLETE, ("ts.rfc3161",))
        assert damage_codes(archive) == {("ts.rfc3161", "OBJECT_MISSING")}


def test_altered_or_missing_revocation_list_is_named(
    archive: Archive, settings: Settings, record: RecordId
) -> None:
    listing = json.loads(proof(settings, record, "proofs.json").read_bytes())
    [sha256] = [file["sha256"] for file in listing["files"] if file["role"] == "crl"]
    place = stored_file(settings, f"blobs/sha256/{sha256[:2]}/{sha256[2:4]}/{sha256}")
    with damaged(place, None):
        assert ("ts.rfc3161", "OBJECT_MISSING") in failures(verify_record(archive, record))
    with damaged(place, flipped(place.read_bytes(), 9)):
        code = ("ts.rfc3161", "OBJECT_DIGEST_MISMATCH")
        assert failures(verify_record(archive, record)) == {code}
        assert ("object.digest", "OBJECT_DIGEST_MISMATCH") in damage_codes(archive)


def test_file_that_a_batch_does_not_list_is_named(
    archive: Archive, settings: Settings, record: RecordId
) -> None:
    stray = proof(settings, record, "stray.tsr")
    stray.write_bytes(b"stray")
    try:
        [damage] = audited(archive, "plain").damages
        assert (damage.key.rpartition("/")[2], damage.code) == ("stray.tsr", "PROOF_UNLISTED")
        assert verify_record(archive, record).result is Result.VERIFIED
    finally:
        stray.unlink()


def test_what_a_broken_run_left_is_no_batch_and_no_harm(
    archive: Archive, settings: Settings, record: RecordId
) -> None:
    left = stored_file(settings, f"captures/{record}/proofs/2/own.tsr")
    left.parent.mkdir()
    left.write_bytes(b"half")
    try:
        report = audited(archive, "plain")
        assert report.damages == []
        assert f"captures/{record}/proofs/2/own.tsr" in report.unreferenced
        assert verify_record(archive, record).result is Result.VERIFIED
    finally:
        left.unlink()
        left.parent.rmdir()


FORGED = {
    "authority": lambda row: {
        **row,
        "authority": "other",
        "file": str(row["file"]).replace("own", "other"),
    },
    "time": lambda row: {
        **row,
        "gen_time": row["gen_time"] and "2020-01-01T00:00:00.000000Z",
    },
}


def _second_batch(
    settings: Settings, record: RecordId, change: Callable[[dict[str, object]], dict[str, object]]
) -> Iterator[Path]:
    listing = json.loads(proof(settings, record, "proofs.json").read_bytes())
    changed = [change(row) for row in listing["files"]]
    changed.sort(key=lambda row: row["file"])
    folder = stored_file(settings, f"captures/{record}/proofs/2")
    folder.mkdir()
    token = proof(settings, record, "own.tsr").read_bytes()
    name = next(row["file"] for row in changed if row["role"] == "token")
    (folder / name).write_bytes(token)
    (folder / "proofs.json").write_bytes(canonical.dumps({**listing, "files": changed}))
    yield folder
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


@pytest.mark.parametrize(
    ("what", "status", "code"),
    [
        ("authority", Status.UNKNOWN, "TS_AUTHORITY_UNKNOWN"),
        ("time", Status.FAIL, "PROOFS_MALFORMED"),
    ],
)
def test_batch_that_somebody_adds_never_helps_and_is_named(
    archive: Archive, settings: Settings, record: RecordId, what: str, status: Status, code: str
) -> None:
    for _ in _second_batch(settings, record, FORGED[what]):
        report = verify_record(archive, record)
        found = {
            (f.target.partition("/")[0], f.status, f.code)
            for f in report.findings
            if f.claim == "ts.rfc3161"
        }
        assert ("token:1", Status.PASS, "") in found
        assert ("token:2", status, code) in found
        assert audited(archive, "plain").exit_code == 1


def test_token_of_another_record_is_over_other_bytes(
    archive: Archive, settings: Settings, record: RecordId
) -> None:
    with Origin() as origin:
        origin.page("/other", page("Another document."))
        other = minted(archive, origin.url("/other"))
    stamp_all(archive, lambda: None)
    place = proof(settings, record, "own.tsr")
    with damaged(place, proof(settings, other, "own.tsr").read_bytes()):
        report = verify_record(archive, record)
        assert ("ts.rfc3161", "OBJECT_DIGEST_MISMATCH") in failures(report)
        listing = proof(settings, record, "proofs.json")
        with damaged(listing, proof(settings, other, "proofs.json").read_bytes()):
            report = verify_record(archive, record)
            assert failures(report) == {("ts.rfc3161", "TS_IMPRINT_MISMATCH")}


def test_rows_that_are_gone_or_altered_are_named_and_rebuild_remakes_them(
    archive: Archive, record: RecordId
) -> None:
    before = tables(archive)["time_token"]
    with archive.database.writing() as connection:
        connection.execute(sa.update(time_token).values(gen_time="2020-01-01T00:00:00.000000Z"))
    assert damage_codes(archive) == {("catalog.agrees", "CATALOG_DISAGREES")}
    with archive.database.writing() as connection:
        connection.execute(sa.delete(time_token))
    assert damage_codes(archive) == {("catalog.agrees", "NOT_CATALOGUED")}
    done = rebuilt(archive)
    assert done.left_out == []
    assert done.proofs == len(before)
    assert tables(archive)["time_token"] == before
    assert stamp_all(archive, lambda: None).tokens == 0, "nothing is asked for twice"


def test_rebuild_leaves_out_a_batch_that_is_not_whole(
    archive: Archive, settings: Settings, record: RecordId
) -> None:
    with damaged(proof(settings, record, "own.tsr"), None):
        done = rebuilt(archive)
        assert [(code, key.rpartition("/")[2]) for key, code, _ in done.left_out] == [
            ("PROOFS_MALFORMED", "proofs.json")
        ]
    assert rebuilt(archive).left_out == []
