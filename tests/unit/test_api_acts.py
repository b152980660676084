# SPDX-License-Identifier: Apache-2.0
"""Withdrawn, superseded and corrected records at every address that serves something of one."""

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from support.archives import minted, new_archive, page, settings_at
from support.origin import Origin
from support.working import working
from werkzeug.test import TestResponse

from api.app import create_app
from archive.cli import cli
from archive.errors import RecordWithdrawn
from archive.ids import parse_id
from archive.services.access.keys import make_api_key
from archive.services.acts.attest import attest
from archive.services.acts.correct import CorrectionWanted, correct
from archive.services.acts.redact import Why, redact
from archive.services.acts.redaction_plan import Wanted as PartsWanted
from archive.services.acts.restrict import Wanted, restrict
from archive.services.acts.supersede import supersede
from archive.services.acts.withdraw import WithdrawalWanted, reinstate, withdraw
from archive.services.context import Archive
from archive.services.jobs.requests import find_job, wait_for
from archive.settings import Settings

pytestmark = pytest.mark.both_databases(later=True)

BODY = page("This one is to go.", title="Terms that go")
SHA256 = hashlib.sha256(BODY).hexdigest()
FIRST, SECOND = "CA-C-0000001-39", "CA-C-0000002-36"
WORDS = "This one is to go"


@dataclass(frozen=True)
class Site:
    archive: Archive
    settings: Settings
    key: dict[str, str]
    client: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        app = create_app(self.archive, settings=self.settings)
        object.__setattr__(self, "client", app.test_client())

    def get(self, path: str, accept: str = "application/json") -> TestResponse:
        return self.client.get(path, headers={"Accept": accept}, buffered=True)

    def ask(self, method: str, path: str, body: Any = None, **query: str) -> TestResponse:
        place = f"/api/v1/records/{FIRST}/{path}"
        return self.client.open(
            place, method=method, json=body, query_string=query, headers=self.key
        )

    def verify(self, **sent: Any) -> dict[str, Any]:
        answer = self.client.post("/api/v1/verifications", **sent)
        assert answer.status_code == 200
        found: dict[str, Any] = answer.get_json()
        return found

    def run(self, *words: str) -> tuple[int, str]:
        environment = {"MUNIMENT_DATABASE_URL": self.settings.database.url}
        result = CliRunner(env=environment).invoke(cli, ["--data", str(self.settings.data), *words])
        code = 1 if isinstance(result.exception, RecordWithdrawn) else result.exit_code
        return code, result.output


@pytest.fixture
def site(
    tmp_path_factory: pytest.TempPathFactory, origin: Origin, database_setting: dict[str, str]
) -> Iterator[Site]:
    settings = settings_at(tmp_path_factory.mktemp("archive") / "data", **database_setting)
    archive = new_archive(settings)
    origin.page("/gone", BODY)
    origin.page("/kept", page("This one stays."))
    assert str(minted(archive, origin.url("/gone"))) == FIRST
    assert str(minted(archive, origin.url("/kept"))) == SECOND
    token = make_api_key(archive, ("read", "capture", "curate"), "a test")
    yield Site(archive, settings, {"Authorization": f"Bearer {token}"})
    archive.close()


def gone(site: Site) -> None:
    wanted = WithdrawalWanted("rights", "the owner asked for it", parse_id(SECOND))
    withdraw(site.archive, parse_id(FIRST), wanted, "operator")


def removed(site: Site) -> None:
    why = Why("privacy", "it names a person")
    redact(site.archive, parse_id(FIRST), PartsWanted(("body",)), why, "operator")


# Every door of a record: how it is asked, and what it answers once the record is withdrawn.
DOORS: dict[str, tuple[Callable[[Site], TestResponse], int, str]] = {
    "page": (lambda site: site.get(f"/{FIRST}", "text/html"), 410, "text/html"),
    "page of the version": (lambda site: site.get(f"/{FIRST}/v1", "text/html"), 410, "text/html"),
    "json": (lambda site: site.get(f"/{FIRST}"), 410, "application/json"),
    "json by format": (lambda site: site.get(f"/{FIRST}?format=json"), 410, "application/json"),
    "json of the version": (lambda site: site.get(f"/{FIRST}/v1"), 410, "application/json"),
    "api": (lambda site: site.get(f"/api/v1/records/{FIRST}"), 410, "application/json"),
    "body": (lambda site: site.get(f"/{FIRST}/parts/body"), 410, "application/problem+json"),
    "text": (lambda site: site.get(f"/{FIRST}/parts/text"), 410, "application/problem+json"),
    "headers": (lambda site: site.get(f"/{FIRST}/parts/headers"), 410, "application/problem+json"),
    "cite": (lambda site: site.get(f"/{FIRST}/cite", "text/plain"), 410, ""),
    "exhibit": (lambda site: site.get(f"/{FIRST}/exhibit"), 410, "application/problem+json"),
    "verify": (lambda site: site.get(f"/{FIRST}/verify"), 200, "application/json"),
    "verify page": (lambda site: site.get(f"/{FIRST}/verify", "text/html"), 200, "text/html"),
    "custody": (lambda site: site.get(f"/api/v1/records/{FIRST}/custody"), 200, ""),
    "withdrawal": (lambda site: site.get(f"/api/v1/records/{FIRST}/withdrawal"), 200, ""),
    "corrections": (lambda site: site.get(f"/api/v1/records/{FIRST}/corrections"), 200, ""),
    "supersession": (lambda site: site.get(f"/api/v1/records/{FIRST}/supersession"), 200, ""),
}


@pytest.mark.parametrize("door", DOORS)
def test_every_door_of_a_withdrawn_record_answers_alike(site: Site, door: str) -> None:
    ask, status, mimetype = DOORS[door]
    assert ask(site).status_code == 200
    gone(site)
    answer = ask(site)
    assert answer.status_code == status
    assert mimetype in {answer.mimetype, ""}
    assert WORDS not in answer.text
    if status == 410:
        assert SECOND in answer.text
        assert "the owner asked for it" in answer.text
        assert SHA256 in answer.text or mimetype == ""
        caching = "no-store" if "problem" in answer.mimetype else "public, max-age=60"
        assert caching in answer.headers["Cache-Control"]
        assert "ETag" not in answer.headers
    reinstate(site.archive, parse_id(FIRST), "it was right", "operator")
    assert ask(site).status_code == 200


# The same doors of a record whose body was removed: only the bytes themselves are gone.
REDACTED_DOORS = {name: 410 if name in {"body", "text", "headers"} else 200 for name in DOORS}


@pytest.mark.parametrize("door", DOORS)
def test_every_door_of_a_redacted_record_answers_alike(site: Site, door: str) -> None:
    ask, _, _ = DOORS[door]
    removed(site)
    answer = ask(site)
    assert answer.status_code == REDACTED_DOORS[door]
    assert WORDS.encode() not in answer.data
    if answer.status_code == 410:
        assert answer.get_json()["code"] == "PART_REDACTED"
        assert "it names a person" in answer.text
    if door in {"page", "json", "api"}:
        assert "it names a person" in answer.text
        assert SHA256 in answer.text
        assert "/parts/body" not in answer.headers["Link"]
        assert "/parts/body" not in answer.text


def test_a_redacted_record_is_marked_at_the_other_doors_too(site: Site) -> None:
    removed(site)
    upload = {"file": (io.BytesIO(BODY), "x.html")}
    for answer in (
        site.verify(json={"sha256": SHA256}),
        site.verify(json={"sha256": SHA256[:16]}),
        site.verify(data=upload),
    ):
        assert [match["state"] for match in answer["matches"]] == ["redacted"]
    assert site.verify(json={"id": FIRST})["standing"]["redactions"][0]["parts"] == [
        "body", "headers", "text",
    ]  # fmt: skip
    shown = site.client.post("/verify", data={"file": (io.BytesIO(BODY), "x.html")})
    assert "removed for good" in shown.text
    [line] = [
        json.loads(text)
        for text in site.client.post(
            "/api/v1/verifications/batch", json={"items": [SHA256]}
        ).text.splitlines()
    ]
    assert line["matches"][0]["state"] == "redacted"
    code, out = site.run("show", FIRST)
    assert (code, "removed for good" in out, "REMOVED" in out) == (0, True, True)
    assert site.run("show", FIRST, "--part", "body")[0] == 1
    code, out = site.run("verify", FIRST)
    assert (code, "OBJECT_REDACTED" in out) == (0, True)


def test_what_says_that_a_record_verified_says_what_was_done_with_it_since(site: Site) -> None:
    on_record = attest(site.archive, parse_id(FIRST), "standard", "operator").row.statement_sha256
    pages = (f"/{FIRST}/verify", f"/verifications/{on_record}")
    place = f"/api/v1/verifications/{on_record}"
    assert not any("was withdrawn" in site.get(path, "text/html").text for path in pages)
    assert site.get(place).get_json()["standing"] is None
    correct(site.archive, parse_id(FIRST), CorrectionWanted("the date is wrong"), "operator")
    wanted = WithdrawalWanted("error", "<b>of the wrong</b> address", parse_id(SECOND))
    withdraw(site.archive, parse_id(FIRST), wanted, "operator")
    for path in pages:
        answer = site.get(path, "text/html")
        assert answer.status_code == 200
        assert "This record was withdrawn" in answer.text
        assert "&lt;b&gt;of the wrong&lt;/b&gt; address" in answer.text
        assert f'href="/{SECOND}"' in answer.text
        assert "the date is wrong" in answer.text
    told = site.get(place).get_json()["standing"]
    assert (told["state"], told["withdrawal"]["replacement"]) == ("withdrawn", SECOND)


def test_admins_redact_by_the_api_once_they_confirm(site: Site) -> None:
    body = {"parts": ["body"], "reason_code": "privacy", "reason": "it names a person"}
    assert site.ask("POST", "redactions", body).status_code == 403
    token = make_api_key(site.archive, ("admin",), "a test")
    place = f"/api/v1/records/{FIRST}/redactions"
    key = {"Authorization": f"Bearer {token}"}
    plan = site.client.post(place, json=body, headers=key).get_json()
    assert (plan["is_done"], len(plan["removed"])) == (False, 3)
    assert site.get(f"/{FIRST}/parts/body").status_code == 200
    for wrong in ({"parts": []}, {"parts": ["x"]}, {"reason": "two\nlines"}, {"confirm": "yes"}):
        answer = site.client.post(place, json={**body, "confirm": True, **wrong}, headers=key)
        assert answer.status_code == 422
    done = site.client.post(place, json={**body, "confirm": True}, headers=key).get_json()
    assert (done["is_done"], done["not_erased"]) == (True, [])
    [told] = site.get(place).get_json()["redactions"]
    assert told["statement_sha256"] == done["statement_sha256"]


def test_redacting_at_the_command_line_shows_what_goes_and_asks(site: Site) -> None:
    asked = ("redact", FIRST, "--part", "text", "--reason", "it names a person")
    code, out = site.run(*asked)
    assert (code, "would be removed" in out, SHA256 in out) == (1, True, True)
    assert site.get(f"/{FIRST}/parts/body").status_code == 200
    code, out = site.run(*asked, "--yes", "--code", "privacy")
    assert (code, "3 parts removed" in out) == (0, True)
    assert site.get(f"/{FIRST}/parts/body").status_code == 410
    assert site.run(*asked, "--yes")[0] == 1
    assert site.run("redact", "--finish")[0] == 0
    assert site.run("redact", FIRST)[0] == 2


def test_the_tombstone_tells_who_when_why_and_what_remains_provable(site: Site) -> None:
    gone(site)
    record = site.get(f"/{FIRST}").get_json()
    assert record["state"] == "withdrawn"
    told = record["withdrawal"]
    assert (told["status"], told["actor"], told["replacement"]) == (
        "withdrawn", "operator", SECOND,
    )  # fmt: skip
    assert "signature" in told["remains"]
    shown = site.get(f"/{FIRST}", "text/html")
    for part in record["parts"]:
        assert (part["sha256"] or part["commitment"]) in shown.text
    for said in (told["statement_sha256"], record["statement_sha256"], told["at"], "signature"):
        assert said in shown.text
    assert 'rel="item"' not in shown.headers["Link"]
    assert f'</{FIRST}>; rel="cite-as"' in shown.headers["Link"]
    conditional = {"Accept": "application/json", "If-None-Match": "*"}
    assert site.client.get(f"/{FIRST}", headers=conditional).status_code == 410


def test_a_withdrawn_record_is_found_by_its_bytes_and_said_to_be_withdrawn(site: Site) -> None:
    gone(site)
    upload = {"file": (io.BytesIO(BODY), "x.html")}
    near = {"file": (io.BytesIO(b"\xef\xbb\xbf" + BODY), "x.html")}
    for answer in (
        site.verify(json={"sha256": SHA256}),
        site.verify(json={"sha256": SHA256[:16]}),
        site.verify(data=upload),
    ):
        assert [match["state"] for match in answer["matches"]] == ["withdrawn"]
    assert [match["state"] for match in site.verify(data=near)["near"]] == ["withdrawn"]
    report = site.verify(json={"id": FIRST})
    assert report["result"] == "verified"
    assert report["standing"]["state"] == "withdrawn"
    pages = site.client.post("/verify", data={"file": (io.BytesIO(BODY), "x.html")})
    assert "withdrawn" in pages.text


def test_a_withdrawn_record_is_marked_in_the_job_that_made_it(site: Site, origin: Origin) -> None:
    origin.page("/later", page("This one comes later."))
    asked = site.client.post(
        "/api/v1/captures", json={"url": origin.url("/later")},
        headers={**site.key, "Idempotency-Key": "one"},
    )  # fmt: skip
    job = f"/api/v1/jobs/{asked.get_json()['id']}"
    with working(site.settings, site.archive):
        wait_for(site.archive, find_job(site.archive, asked.get_json()["id"]), 30)
    record = site.client.get(job, headers=site.key).get_json()["result"]["record"]
    assert record["state"] == "signed"
    withdraw(site.archive, parse_id(record["id"]), WithdrawalWanted("other", "a test"), "operator")
    told = site.client.get(job, headers=site.key).get_json()["result"]["record"]
    assert told["state"] == "withdrawn"
    code, shown = site.run("jobs", "show", "--json", asked.get_json()["id"])
    assert (code, '"state":"withdrawn"' in shown) == (0, True)


def test_the_command_line_answers_like_the_other_doors(site: Site) -> None:
    site.archive.database.close()
    code, out = site.run(
        "withdraw", FIRST, "--reason", "the owner asked", "--code", "rights",
        "--replacement", SECOND,
    )  # fmt: skip
    assert (code, "is withdrawn" in out) == (0, True)
    code, out = site.run("show", FIRST)
    assert (code, "WITHDRAWN" in out, SECOND in out) == (0, True, True)
    assert site.run("show", FIRST, "--part", "body")[0] == 1
    assert site.run("cite", FIRST)[0] == 1
    assert site.run("exhibit", FIRST, "-o", str(site.settings.data / "x.zip"))[0] == 1
    code, out = site.run("resolve", "--json", FIRST)
    assert (code, '"status":"withdrawn"' in out) == (0, True)
    assert site.run("verify", FIRST)[0] == 0
    code, out = site.run("verify", SHA256)
    assert (code, "was withdrawn" in out) == (0, True)
    assert site.run("reinstate", FIRST, "--reason", "it was right")[0] == 0
    assert site.run("show", FIRST, "--part", "body")[0] == 0
    assert site.run("supersede", FIRST, SECOND, "--reason", "newer")[0] == 0
    assert (
        site.run("correct", FIRST, "--text", "wrong", "--field", "title", "--new", "Right")[0] == 0
    )
    code, out = site.run("show", FIRST)
    assert all(words in out for words in (f"superseded by     {SECOND}: newer", "title: Right"))


def test_a_withdrawn_record_that_is_restricted_shows_no_more_than_before(site: Site) -> None:
    gone(site)
    restrict(site.archive, parse_id(FIRST), Wanted(None, "hidden", "sealed"), "operator")
    for ask, _, _ in DOORS.values():
        answer = ask(site)
        assert answer.status_code == 403
        assert SECOND not in answer.text
    restrict(site.archive, parse_id(FIRST), Wanted(None, "public", "sealed"), "operator")
    for door, (ask, status, _) in DOORS.items():
        answer = ask(site)
        assert answer.status_code == status, door
        assert answer.headers["Cache-Control"] == "private, no-store"


def test_a_superseded_record_is_served_with_a_notice_and_the_links_of_rfc_5829(site: Site) -> None:
    supersede(site.archive, parse_id(FIRST), parse_id(SECOND), "a better capture", "operator")
    for path in (f"/{FIRST}", f"/{FIRST}/v1", f"/api/v1/records/{FIRST}"):
        answer = site.get(path)
        assert answer.status_code == 200
        for relation in ("successor-version", "latest-version"):
            assert f'</{SECOND}>; rel="{relation}"' in answer.headers["Link"]
        assert answer.get_json()["superseded_by"]["newer"] == SECOND
        assert answer.headers["ETag"] == f'"{hashlib.sha256(answer.data).hexdigest()}"'
        assert "no-cache" in answer.headers["Cache-Control"]
    shown = site.get(f"/{FIRST}", "text/html")
    assert "a better capture" in shown.text
    assert WORDS in shown.text
    newer = site.get(f"/{SECOND}")
    assert f'</{FIRST}>; rel="predecessor-version"' in newer.headers["Link"]
    assert newer.get_json()["supersedes"] == [FIRST]
    assert site.get(f"/{FIRST}/parts/body").data == BODY


def test_a_correction_stands_next_to_the_fact_on_the_page_and_in_json(site: Site) -> None:
    wanted = CorrectionWanted("it is that of the menu", "title", None, "Terms <of> Use")
    correct(site.archive, parse_id(FIRST), wanted, "operator")
    [told] = site.get(f"/{FIRST}").get_json()["corrections"]
    assert (told["old"], told["new"]) == ("Terms that go", "Terms <of> Use")
    shown = site.get(f"/{FIRST}", "text/html").text
    heading = shown.index("<h1>")
    assert 0 < shown.index("Corrected:</strong> Terms &lt;of&gt; Use") - heading < 200
    assert "it is that of the menu" in shown


def test_curators_act_by_the_api_and_nobody_else(site: Site) -> None:
    body = {"reason_code": "rights", "reason": "asked for", "replacement": SECOND.lower()}
    told = site.ask("PUT", "withdrawal", body).get_json()
    assert (told["is_withdrawn"], told["replacement"]) == (True, SECOND)
    assert told["actor"].startswith("key:")
    assert site.ask("DELETE", "withdrawal", reason="a mistake").get_json()["is_withdrawn"] is False
    newer = {"newer": SECOND, "reason": "better"}
    assert site.ask("PUT", "supersession", newer).get_json()["latest"] == SECOND
    assert not site.ask("DELETE", "supersession", reason="no").get_json()["is_superseded"]
    said = {"text": "wrong title", "field": "title", "new": "Right"}
    assert len(site.ask("POST", "corrections", said).get_json()["corrections"]) == 1
    refused = [
        site.ask("PUT", "withdrawal", {**body, "reason_code": "whim"}),
        site.ask("PUT", "withdrawal", {**body, "replacement": "CA-C-0000099-36"}),
        site.ask("PUT", "withdrawal", {**body, "reason": "two\nlines"}),
        site.ask("DELETE", "withdrawal"),
        site.ask("PUT", "supersession", {**newer, "newer": FIRST}),
        site.ask("POST", "corrections", {**said, "old": "says otherwise"}),
    ]
    assert {answer.status_code for answer in refused[2:]} == {422}
    assert all(answer.status_code in {404, 422} for answer in refused)
    asked = [("PUT", "withdrawal"), ("PUT", "supersession"), ("POST", "corrections")]
    for method, path in asked:
        answer = site.client.open(f"/api/v1/records/{FIRST}/{path}", method=method, json={})
        assert answer.status_code == 401
