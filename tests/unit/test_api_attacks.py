# SPDX-License-Identifier: Apache-2.0
"""Ways round the doors: each of these once led somewhere, or was tried because it might."""

import hashlib
import io
import json
import logging
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from support.archives import minted, page, settings_at
from support.origin import Origin
from support.working import working

from api.app import create_app
from api.client import is_direct_loopback
from api.state import door_of
from archive.bootstrap import init_archive
from archive.cli.logs import log_json
from archive.errors import CatalogBusy
from archive.ids import RecordId, parse_id
from archive.jobs.base import NewJob
from archive.services.access.keys import grant, make_api_key
from archive.services.acts.restrict import Wanted, restrict, unrestrict
from archive.services.context import Archive
from archive.services.custody import custody_of
from archive.services.jobs.requests import ask_for, find_job, wait_for
from archive.settings import Settings, load_settings

BODY = page("This one is under seal.", title="Sealed terms")
SHA256 = hashlib.sha256(BODY).hexdigest()
SECRETS = (SHA256, "Sealed terms", "/sealed")


@dataclass(frozen=True)
class Site:
    archive: Archive
    settings: Settings
    origin: Origin
    client: FlaskClient
    open: RecordId
    sealed: RecordId

    def key(self, *scopes: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {make_api_key(self.archive, scopes, 'a test')}"}

    def reader(self) -> dict[str, str]:
        key = self.key("read")
        grant(self.archive, key["Authorization"].split("_")[1], None)
        return key

    def settle(self) -> None:
        assert door_of(self.client.application).aside.settle()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    settings = settings_at(tmp_path_factory.mktemp("archive") / "data")
    archive, _ = init_archive(settings)
    with Origin() as origin:
        origin.page("/open", page("This one is open."))
        origin.page("/sealed", BODY)
        found = [minted(archive, origin.url(path)) for path in ("/open", "/sealed")]
        restrict(archive, found[1], Wanted(None, "hidden", "a sealed case"), "operator")
        app = create_app(archive, settings=settings)
        yield Site(archive, settings, origin, app.test_client(), *found)
        assert door_of(app).aside.settle()
    archive.close()


def assert_is_private(headers: Any) -> None:
    assert headers["Cache-Control"] == "private, no-store"
    assert "Authorization" in headers["Vary"]
    assert "Access-Control-Allow-Origin" not in headers


# Paths, hosts and redirects


@pytest.mark.parametrize(
    ("role", "location"),
    [
        ("a%0d%0aX-Evil:1", "a%0D%0AX-Evil%3A1"),
        ("body%3fformat=json", "body%3Fformat%3Djson"),
        ("%23x", "%23x"),
        ("%00%1b%5b31m", "%00%1B%5B31m"),
    ],
)
def test_what_a_redirect_repeats_of_the_path_stays_one_segment(
    site: Site, role: str, location: str
) -> None:
    answer = site.client.get(f"/{str(site.open).lower()}/parts/{role}")
    assert (answer.status_code, answer.headers["Location"]) == (
        301,
        f"/{site.open}/parts/{location}",
    )
    assert "X-Evil" not in answer.headers


@pytest.mark.parametrize("host", ["a" * 300, "a..b"])
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_host_that_can_be_none_is_400(site: Site, host: str, accept: str) -> None:
    answer = site.client.get("/limits", headers={"Host": host, "Accept": accept})
    assert (answer.status_code, answer.get_json()["code"]) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("host", ["127.0.0.1/../evil.example", "[::1]evil", "localhost#x", "::1"])
def test_a_citation_prints_no_host_but_a_plain_loopback_one(site: Site, host: str) -> None:
    told = site.client.get(f"/{site.open}/cite", headers={"Host": host}).text
    assert f"archive, {site.open}/v1" in told
    near = site.client.get(f"/{site.open}/cite", headers={"Host": "127.0.0.1:8080"}).text
    assert f"http://127.0.0.1:8080/{site.open}/v1" in near


def test_loopback_is_not_what_a_proxy_in_between_makes_of_it() -> None:
    proxies = load_settings(
        environment={"MUNIMENT_SERVER_TRUSTED_PROXIES": "127.0.0.0/8"}
    ).trusted_proxies()
    peer = {"REMOTE_ADDR": "127.0.0.1"}
    for passed_on in ("HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_REAL_IP"):
        for known in (proxies, ()):
            assert not is_direct_loopback({**peer, passed_on: "203.0.113.5"}, known)
    told = {**peer, "HTTP_X_FORWARDED_FOR": "127.0.0.1", "HTTP_X_REAL_IP": "127.0.0.1"}
    assert is_direct_loopback(told, proxies)


# What one key may see of what another did


def test_a_job_shows_no_record_that_was_hidden_since(site: Site) -> None:
    site.origin.page("/later", page("Later it is closed.", title="Closed later"))
    key = {**site.key("capture"), "Idempotency-Key": "once"}
    wanted = {"url": site.origin.url("/later")}
    batch = {"urls": [wanted["url"], "ftp://no"]}
    with working(site.settings, site.archive):
        place = "/api/v1/captures?wait=30"
        record = site.client.post(place, json=wanted, headers=key).get_json()
        many = {**key, "Idempotency-Key": "many"}
        accepted = site.client.post("/api/v1/captures/batch", json=batch, headers=many)
        job = accepted.headers["Location"]
        waited = wait_for(site.archive, find_job(site.archive, job.rsplit("/", 1)[1]), 30)
    assert waited.is_finished
    listed = site.client.get(job, headers=key).get_json()
    ids = [item["id"] for item in listed["result"]["items"]]
    assert ids[1] is None
    for item in (record["id"], ids[0]):
        restrict(site.archive, parse_id(item), Wanted(None, "hidden", "x"), "operator")
    again = site.client.post(place, json=wanted, headers=key)
    assert (again.status_code, again.get_json()["code"]) == (403, "RECORD_RESTRICTED")
    shown = site.client.get(job, headers=site.key("capture"))
    assert shown.get_json()["result"]["items"][0]["outcome"] == "restricted"
    for answer in (again, shown):
        assert_is_private(answer.headers)
        for secret in ("/later", "Closed later", record["statement_sha256"]):
            assert secret not in answer.text


def test_what_the_operator_asked_for_is_no_job_of_a_capture_key(site: Site) -> None:
    job = ask_for(site.archive, "audit", {})
    place = f"/api/v1/jobs/{job.id}"
    for method in ("GET", "DELETE"):
        answer = site.client.open(place, method=method, headers=site.key("capture"))
        assert (answer.status_code, answer.get_json()["code"]) == (404, "NOT_FOUND")
    assert site.client.get(place, headers=site.key("capture", "admin")).status_code == 200
    assert site.archive.jobs.find(job.id).state.value == "queued"
    site.archive.jobs.cancel(job.id)


def test_a_failed_job_tells_nothing_from_inside(site: Site) -> None:
    job = site.archive.jobs.enqueue(NewJob("capture", "fetch", {"url": "http://x.example/"}))
    with sqlite3.connect(site.settings.data / "jobs.sqlite") as jobs:
        jobs.execute(
            "update ops_job set state='failed', problem_code='STORAGE_FAILED', "
            "problem_detail='s3://bucket/key: AccessDenied at /srv/store' where id=?",
            (job.id,),
        )
    answer = site.client.get(f"/api/v1/jobs/{job.id}", headers=site.key("capture"))
    assert answer.get_json()["problem"]["code"] == "STORAGE_FAILED"
    assert "bucket" not in answer.text
    assert "/srv" not in answer.text


def test_what_depends_on_the_key_is_for_its_bearer_alone(site: Site) -> None:
    record = site.open
    curator, reader = site.key("curate"), site.reader()
    restrict(site.archive, record, Wanted(None, "public", "for a while"), "operator")
    assert site.client.get(f"/{record}/parts/body", headers=reader).status_code == 200
    site.settle()
    unrestrict(site.archive, record, "over", "operator")
    for path in (f"/api/v1/records/{record}/custody", f"/{record}"):
        told = site.client.get(path, headers=curator)
        assert reader["Authorization"].split("_")[1] in told.text
        assert_is_private(told.headers)
        public = site.client.get(path)
        assert reader["Authorization"].split("_")[1] not in public.text
        assert public.headers["Access-Control-Allow-Origin"] == "*"
    assert_is_private(site.client.get("/api/v1/jobs/none", headers=site.key("capture")).headers)


def test_finding_a_hidden_record_by_its_digest_is_told_in_its_custody(site: Site) -> None:
    doors = [
        lambda key: site.client.get(f"/verify?sha256={SHA256}", headers=key),
        lambda key: site.client.get(f"/verify?sha256={SHA256[:20]}", headers=key),
        lambda key: site.client.post("/api/v1/verifications", json={"sha256": SHA256}, headers=key),
        lambda key: site.client.post(
            "/verify", data={"file": (io.BytesIO(BODY), "x.html")}, headers=key
        ),
    ]
    for door in doors:
        assert str(site.sealed) not in door({}).text
        assert str(site.sealed) not in door(site.key("read", "curate", "admin")).text
        reader = site.reader()
        answer = door(reader)
        assert str(site.sealed) in answer.text
        assert_is_private(answer.headers)
        site.settle()
        key_id = reader["Authorization"].split("_")[1]
        events = custody_of(site.archive, site.sealed).events
        assert [item.event for item in events if item.actor == f"key:{key_id}"] == ["access"]


# Bodies


JSON_ATTACKS = {
    "deep lists": b"[" * 60_000,
    "deep objects": b'{"a":' * 10_000,
    "a key twice": b'{"url":"http://a.example/","url":"http://b.example/"}',
    "NaN": b'{"url":NaN}',
    "infinity": b'{"url":-Infinity}',
    "a float": b'{"url":1e999}',
    "a long integer": b'{"url":' + b"9" * 60_000 + b"}",
    "a lone surrogate": b'{"\\ud800":"\\udfff"}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"url":"x"}'.encode("utf-16"),
    "nothing": b"",
    "trailing bytes": b'{"url":"http://a.example/"} {}',
}


@pytest.mark.parametrize("body", JSON_ATTACKS.values(), ids=JSON_ATTACKS)
@pytest.mark.parametrize("path", ["/api/v1/captures", "/api/v1/verifications"])
def test_json_is_read_strictly(site: Site, path: str, body: bytes) -> None:
    headers = {**site.key("capture"), "Content-Type": "application/json; charset=utf-16"}
    answer = site.client.post(path, data=body, headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (400, "JSON_MALFORMED")


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "text/json", "application/x-www-form-urlencoded", "application/json+x", ""],
)
def test_json_under_another_type_is_415(site: Site, content_type: str) -> None:
    body = b'{"url":"http://a.example/"}'
    headers = {**site.key("capture"), "Content-Type": content_type}
    assert site.client.post("/api/v1/captures", data=body, headers=headers).status_code == 415


@pytest.mark.parametrize("more", [0, 1, 100_000])
def test_a_body_without_a_length_is_not_judged_by_its_beginning(site: Site, more: int) -> None:
    whole = b'{"id":"CA-C-0000009-15"}'
    body = whole + b" " * (64 * 1024 - len(whole)) + b"x" * more
    answer = site.client.post(
        "/api/v1/verifications",
        input_stream=io.BytesIO(body),
        environ_overrides={"wsgi.input_terminated": True, "CONTENT_LENGTH": ""},
        content_type="application/json",
    )
    assert answer.status_code == (413 if more else 404)


# Keys where none belongs


def test_a_key_in_the_address_opens_nothing(site: Site) -> None:
    token = site.reader()["Authorization"].removeprefix("Bearer ")
    for query in (f"access_token={token}", f"api_key={token}", f"Authorization=Bearer+{token}"):
        answer = site.client.get(f"/{site.sealed}/parts/body?{query}")
        assert answer.status_code == 403
    basic = {"Authorization": f"Basic {token}"}
    assert site.client.get(f"/{site.sealed}/parts/body", headers=basic).status_code == 403


def test_logs_hold_no_control_characters(
    site: Site, capsys: pytest.CaptureFixture[str], json_logs: None
) -> None:
    log_json()
    path = "/%9b31m%c2%9b%e2%80%ae%7f%1b%5b2J%0d%0a%7b%22event%22:1%7d"
    site.client.get(path, headers={"X-Request-Id": "x\x9b2Jxxxxxx"})
    written = capsys.readouterr().err
    [line] = written.splitlines()
    assert line.isascii()
    assert line.isprintable()
    assert "\x9b\u00e2\x80\u00ae\x7f\x1b[2J\r\n" in json.loads(line)["path"]


@pytest.fixture
def json_logs() -> Iterator[None]:
    """Afterwards the logging that was there."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield
    root.handlers[:], root.level = before
    for name in (
        "api.request_log",
        "muniment.command",
        "archive.jobs",
        "archive.services.jobs.worker",
    ):
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_a_catalogue_that_cannot_be_read_is_a_problem_at_the_plain_door_too(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_capture_id: str) -> None:
        raise CatalogBusy("locked")

    monkeypatch.setattr(site.archive.hot, "record", busy)
    app = create_app(site.archive)
    app.testing = False
    answer = app.test_client().get(f"/{site.open}?format=json")
    assert (answer.status_code, answer.get_json()["code"]) == (503, "CATALOG_BUSY")
    assert answer.headers["Retry-After"]
