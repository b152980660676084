# SPDX-License-Identifier: Apache-2.0
"""Verifications on record: signed, dated, remade by a rebuild, and shown where the record is."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from flask.testing import FlaskClient
from support.archives import audited, minted, page, rebuilt, settings_at, stored_file, tables
from support.origin import Origin

from api.app import create_app
from archive.bootstrap import Stand, init_archive
from archive.cli import cli
from archive.clock import FixedClock
from archive.errors import InputError, MalformedStatement, NotFound
from archive.ids import Kind, RecordId
from archive.model.verification import Verification
from archive.services.access.keys import make_api_key
from archive.services.acts.attest import attest, attestations, read_attestation
from archive.services.acts.restrict import Wanted, restrict
from archive.services.context import Archive
from archive.services.custody import custody_of
from archive.services.verifying.verify import verify_record
from archive.settings import Settings

pytestmark = pytest.mark.both_databases

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def settings(tmp_path: Path, database_setting: dict[str, str]) -> Settings:
    return settings_at(tmp_path / "data", **database_setting)


@pytest.fixture
def archive(settings: Settings, clock: FixedClock) -> Iterator[Archive]:
    opened, _ = init_archive(settings, Stand(clock))
    clock.at = NOW + dt.timedelta(seconds=1)
    yield opened
    opened.close()


@pytest.fixture
def record(archive: Archive, origin: Origin) -> RecordId:
    origin.page("/terms", page())
    return minted(archive, origin.url("/terms"))


@pytest.fixture
def client(archive: Archive, settings: Settings) -> FlaskClient:
    return create_app(archive, settings=settings).test_client()


def test_what_was_found_is_signed_with_its_date_and_read_back(
    archive: Archive, record: RecordId
) -> None:
    made = attest(archive, record, "standard", "operator")
    assert made.is_new
    assert made.report is not None
    told = read_attestation(archive, made.row.statement_sha256)
    assert (told["record"], told["result"]) == (str(record), "verified")
    assert told["verified_at"] == made.report.verified_at
    assert told["trust_inputs"]["root_fingerprints"] == list(archive.pinned_roots)
    found = [(f.claim, f.target, f.status.value, f.code) for f in made.report.findings]
    assert [tuple(claim.values()) for claim in told["claims"]] == found
    assert "report_id" not in told
    assert attestations(archive, str(record)).count == 1
    assert audited(archive).damages == []


def test_a_failed_verification_is_put_on_record_as_well(
    archive: Archive, settings: Settings, record: RecordId
) -> None:
    with archive.database.reading() as connection:
        row = connection.execute(sa.text("select container_sha256 from capture")).one()
    sha256 = row[0]
    stored_file(settings, f"blobs/sha256/{sha256[:2]}/{sha256[2:4]}/{sha256}").unlink()
    made = attest(archive, record, "standard", "operator")
    assert made.row.result == "failed"
    claims = read_attestation(archive, made.row.statement_sha256)["claims"]
    assert "OBJECT_MISSING" in {claim["code"] for claim in claims}


def test_within_a_minute_the_one_that_is_there_is_given_again(
    archive: Archive, clock: FixedClock, record: RecordId
) -> None:
    first = attest(archive, record, "standard", "operator")
    again = attest(archive, record, "standard", "key:12")
    assert (again.is_new, again.row, again.report) == (False, first.row, None)
    assert attest(archive, record, "bytes-only", "operator").is_new
    clock.at += dt.timedelta(seconds=61)
    assert attest(archive, record, "standard", "operator").is_new
    found = attestations(archive, str(record))
    assert found.count == 3
    times = [row.verified_at for row in found.newest]
    assert times == sorted(times, reverse=True)


def test_it_is_no_event_of_custody_and_a_rebuild_gives_the_same_rows(
    archive: Archive, clock: FixedClock, record: RecordId
) -> None:
    for _ in range(3):
        attest(archive, record, "standard", "operator")
        clock.at += dt.timedelta(minutes=2)
    assert [event.event for event in custody_of(archive, record).events] == ["capture"]
    assert verify_record(archive, record).result.exit_code == 0
    before = tables(archive)
    assert len(before["verification"]) == 3
    assert rebuilt(archive).left_out == []
    assert tables(archive) == before
    assert audited(archive).damages == []


@pytest.mark.parametrize(
    "change",
    ["delete from verification", "update verification set result = 'verified, really'"],
)
def test_a_row_that_somebody_changed_is_named(
    archive: Archive, record: RecordId, change: str
) -> None:
    attest(archive, record, "standard", "operator")
    with archive.database.writing() as connection:
        connection.execute(sa.text(change.replace("verified, really", "verified!")))
    assert [damage.code for damage in audited(archive).damages] == ["CATALOG_DISAGREES"]


def test_what_cannot_be_put_on_record_is_refused(archive: Archive, record: RecordId) -> None:
    with pytest.raises(NotFound):
        attest(archive, RecordId("CA", Kind.CAPTURE, 99), "standard", "operator")
    with pytest.raises(InputError):
        attest(archive, record, "easy", "operator")
    with pytest.raises(NotFound):
        read_attestation(archive, "0" * 64)
    assert tables(archive)["statement"] == []


def test_by_the_api_it_takes_a_key_and_everybody_reads_it(
    archive: Archive, client: FlaskClient, record: RecordId
) -> None:
    asked = {"id": str(record), "record": True}
    assert client.post("/api/v1/verifications", json=asked).status_code == 401
    for scope, status in (("read", 403), ("capture", 200), ("curate", 200)):
        token = make_api_key(archive, (scope,), "a test")
        key = {"Authorization": f"Bearer {token}"}
        answer = client.post("/api/v1/verifications", json=asked, headers=key)
        assert answer.status_code == status, scope
    told = answer.get_json()["verification"]
    assert (told["is_new"], told["result"]) == (False, "verified")
    assert told["actor"].startswith("key:")
    for wrong in ({"sha256": "a" * 64, "record": True}, {**asked, "record": "yes"}):
        assert client.post("/api/v1/verifications", json=wrong, headers=key).status_code == 422
    assert client.get(told["url"]).get_json()["record"] == str(record)
    listed = client.get(f"/api/v1/records/{record}/verifications").get_json()
    assert (listed["count"], len(listed["verifications"])) == (1, 1)
    shown = client.get(f"/{record}", headers={"Accept": "text/html"}).text
    assert f"/verifications/{told['statement_sha256']}" in shown
    assert "Verification on record" in shown
    report = client.get(f"/verifications/{told['statement_sha256']}")
    assert (report.status_code, "Holds" in report.text) == (200, True)
    for path in ("/verifications/", "/api/v1/verifications/"):
        for name in ("0" * 64, "no-digest"):
            assert client.get(path + name).status_code == 404


def test_of_a_hidden_record_it_is_not_told(
    archive: Archive, client: FlaskClient, record: RecordId
) -> None:
    made = attest(archive, record, "standard", "operator")
    restrict(archive, record, Wanted(None, "hidden", "sealed"), "operator")
    for path in (
        f"/verifications/{made.row.statement_sha256}",
        f"/api/v1/verifications/{made.row.statement_sha256}",
        f"/api/v1/records/{record}/verifications",
    ):
        assert client.get(path).status_code == 403


def test_at_the_command_line(archive: Archive, settings: Settings, record: RecordId) -> None:
    runner = CliRunner(env={"MUNIMENT_DATABASE_URL": settings.database.url})
    first = ["--data", str(settings.data), "verify", str(record), "--record"]
    done = runner.invoke(cli, first)
    assert (done.exit_code, "On record: verified" in done.output) == (0, True)
    again = runner.invoke(cli, [*first, "--json"])
    assert (again.exit_code, '"is_new":false' in again.output) == (0, True)
    assert attestations(archive, str(record)).count == 1


def test_content_of_another_shape_is_refused(archive: Archive, record: RecordId) -> None:
    report = verify_record(archive, record)
    said = Verification.of(report, record, "0" * 64, "operator")
    sound: dict[str, Any] = said.to_json()
    assert Verification.from_json(sound) == said
    claim = sound["claims"][0]
    for change in (
        {"v": 2}, {"more": 1}, {"result": "fine"}, {"claims": []}, {"subject_sha256": "x"},
        {"claims": [{**claim, "status": "ok"}]}, {"claims": [{**claim, "detail": "words"}]},
        {"trust_inputs": {**sound["trust_inputs"], "more": 1}},
    ):  # fmt: skip
        with pytest.raises(MalformedStatement):
            Verification.from_json({**sound, **change})
    with pytest.raises(MalformedStatement):
        Verification.from_json(replace(said, answers=()).to_json())
