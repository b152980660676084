# SPDX-License-Identifier: Apache-2.0
"""`/api/v1`: captures, verifications, records, health, and problems of every kind."""

import base64
import hashlib
import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from support.origin import Origin
from support.working import working
from werkzeug.test import TestResponse

import api.v1.captures
from api.app import create_app
from archive.bootstrap import init_archive
from archive.errors import CatalogBusy, CatalogError, ObjectConflict, StorageUnavailable
from archive.services.capturing.capture import capture
from archive.services.context import Archive
from archive.services.keysets.initialise import make_api_key
from archive.settings import load_settings

pytestmark = pytest.mark.both_databases

BODY = b"<title>T</title><p>" + b"We may share your data with partners. " * 40
SHA256 = hashlib.sha256(BODY).hexdigest()
FIRST = "CA-C-0000001-39"
UPLOAD_LIMIT = 100_000
SECRET_CHARACTERS = 43


@dataclass(frozen=True)
class Site:
    client: FlaskClient
    archive: Archive
    origin: Origin
    key: dict[str, str]

    def capture(self, **body: Any) -> TestResponse:
        return self.client.post("/api/v1/captures?wait=30", json=body, headers=self.key)

    def verify(self, **body: Any) -> TestResponse:
        return self.client.post("/api/v1/verifications", json=body)


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, module_database_setting: dict[str, str]
) -> Iterator[Site]:
    environment = {
        "MUNIMENT_DATA": str(tmp_path_factory.mktemp("archive") / "data"),
        "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8",
        **module_database_setting,
        "MUNIMENT_SERVER_UPLOAD_BYTES_LIMIT": str(UPLOAD_LIMIT),
    }
    settings = load_settings(environment=environment)
    archive, made = init_archive(settings)
    with Origin() as origin, working(settings, archive):
        origin.page("/terms", BODY)
        capture(archive, origin.url("/terms"))
        key = {"Authorization": f"Bearer {made.api_key}"}
        yield Site(create_app(archive).test_client(), archive, origin, key)
    archive.close()


def problem_of(answer: TestResponse, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    problem: dict[str, Any] = json.loads(answer.data)
    assert {"type", "title", "status", "detail", "code", "instance"} <= problem.keys()
    assert problem["status"] == status
    return problem


def test_a_capture_is_201_with_its_place(site: Site) -> None:
    site.origin.page("/new", BODY + b"<p>new")
    answer = site.capture(url=site.origin.url("/new"))
    assert answer.status_code == 201
    record = answer.get_json()
    assert record["outcome"] == "ok"
    assert answer.headers["Location"] == f"/{record['id']}"
    assert site.client.get(f"/{record['id']}?format=json").data == answer.data


def test_what_is_not_ok_is_200_with_an_observation(site: Site) -> None:
    answer = site.capture(url=site.origin.url("/missing"))
    assert answer.status_code == 200
    assert "Location" not in answer.headers
    record = answer.get_json()
    assert record["id"] is None
    assert record["outcome"] == "error-page"
    assert len(record["statement_sha256"]) == 64


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://example.org/", "URL_MALFORMED"),
        ("http://user:secret-word@example.org/", "URL_MALFORMED"),
        ("http://exa mple/", "URL_MALFORMED"),
        ("javascript:alert(1)", "URL_MALFORMED"),
        ("http://10.0.0.1/", "ADDRESS_REFUSED"),
        ("http://169.254.169.254/latest/meta-data", "ADDRESS_REFUSED"),
        ("http://[::ffff:10.0.0.1]/", "ADDRESS_REFUSED"),
    ],
)
def test_a_url_that_cannot_be_captured_is_422_at_its_field(site: Site, url: str, code: str) -> None:
    problem = problem_of(site.capture(url=url), 422)
    assert problem["code"] == code
    assert problem["errors"][0]["pointer"] == "#/url"
    assert "secret-word" not in json.dumps(problem)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/url"),
        ({"url": None}, "#/url"),
        ({"url": 7}, "#/url"),
        ({"url": ""}, "#/url"),
        ({"url": "http://example.org/" + "a" * 9000}, "#/url"),
        ({"url": "http://example.org/", "ulr": "x"}, "#/ulr"),
        ([], "#"),
        ("text", "#"),
    ],
)
def test_a_body_of_another_shape_is_422(site: Site, body: Any, pointer: str) -> None:
    answer = site.client.post("/api/v1/captures", json=body, headers=site.key)
    problem = problem_of(answer, 422)
    assert problem["code"] == "INPUT_INVALID"
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"url":"a","url":"b"}',
        b"\xff\xfe",
        b'{"url":NaN}',
        b"[" * 20_000,
        b'\xef\xbb\xbf{"url":"a"}',
        b'{"url":"\\ud800"}',
    ],
)
def test_what_is_no_strict_json_is_400(site: Site, body: bytes) -> None:
    answer = site.client.post(
        "/api/v1/captures", data=body, content_type="application/json", headers=site.key
    )
    assert problem_of(answer, 400)["code"] == "JSON_MALFORMED"


def test_other_bodies_and_sizes(site: Site) -> None:
    text = site.client.post(
        "/api/v1/captures", data=b"url=x", content_type="text/plain", headers=site.key
    )
    problem_of(text, 415)
    large = site.client.post(
        "/api/v1/captures",
        data=b'{"url":"' + b"a" * 70_000 + b'"}',
        content_type="application/json",
        headers=site.key,
    )
    problem_of(large, 413)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Basic dXNlcjpwYXNz",
        "Bearer",
        "Bearer ",
        "Bearer mk_0000000000000000_AAAA",
        "Bearer mk_x_y",
        "Bearer mk_' or 1=1 --_x",
    ],
)
def test_without_a_key_is_401(site: Site, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = site.client.post("/api/v1/captures", json={"url": "bad"}, headers=headers)
    is_sent = (header or "").startswith("Bearer")
    code = "API_KEY_UNKNOWN" if is_sent else "API_KEY_MISSING"
    assert problem_of(answer, 401)["code"] == code
    assert answer.headers["WWW-Authenticate"].startswith("Bearer realm=")


def test_right_id_with_wrong_secret_is_401(site: Site) -> None:
    right = site.key["Authorization"]
    not_base64 = right[:-1] + "~"
    other_first = right[:-SECRET_CHARACTERS] + ("B" if right[-SECRET_CHARACTERS] == "A" else "A")
    other_secret = other_first + right[1 - SECRET_CHARACTERS :]
    for header in (not_base64, other_secret, "bearer x"):
        answer = site.client.post(
            "/api/v1/captures", json={"url": "bad"}, headers={"Authorization": header}
        )
        problem_of(answer, 401)


def test_a_key_without_the_scope_is_403(site: Site) -> None:
    token = make_api_key(site.archive, ("read",), "a test")
    answer = site.client.post(
        "/api/v1/captures", json={"url": "bad"}, headers={"Authorization": f"Bearer {token}"}
    )
    problem_of(answer, 403)
    assert 'error="insufficient_scope", scope="capture"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    "spelling",
    [
        SHA256,
        SHA256.upper(),
        base64.b64encode(bytes.fromhex(SHA256)).decode(),
        base64.urlsafe_b64encode(bytes.fromhex(SHA256)).decode().rstrip("="),
        f"sha256:{SHA256}",
        f"{SHA256}  terms.html",
    ],
)
def test_a_digest_in_any_spelling_is_verified(site: Site, spelling: str) -> None:
    report = site.verify(sha256=spelling).get_json()
    assert report["result"] == "verified"
    assert report["verified"] is True
    assert (report["matches"][0]["id"], report["matches"][0]["part"]) == (FIRST, "body")


def test_d47_a_truncated_digest_is_a_search(site: Site) -> None:
    report = site.verify(sha256=SHA256[:16] + "…").get_json()
    assert report["verified"] is False
    assert report["result"] == "incomplete"
    assert report["matches"][0]["id"] == FIRST
    assert "not a verification" in report["note"]
    assert problem_of(site.verify(sha256=SHA256[:7]), 422)["errors"][0]["pointer"] == "#/sha256"


@pytest.mark.parametrize("text", [FIRST, "ca-c-0000001-39", "CA-C-0000001"])
def test_a_record_is_verified_by_its_id(site: Site, text: str) -> None:
    answer = site.verify(id=text)
    assert answer.status_code == 200
    report = answer.get_json()
    assert report["subject"]["record_id"] == FIRST
    assert report["result"] == "verified"
    assert ("note" in report) == (text == "CA-C-0000001")


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({}, 422, "#"),
        ({"id": FIRST, "sha256": SHA256}, 422, "#"),
        ({"id": "--output=x"}, 422, "#/id"),
        ({"id": "CA-C-0000001-93"}, 422, "#/id"),
        ({"id": FIRST, "policy": "lenient"}, 422, "#/policy"),
        ({"sha256": "zzz"}, 422, "#/sha256"),
        ({"sha256": hashlib.md5(b"").hexdigest()}, 422, "#/sha256"),
        ({"id": FIRST, "file": "x"}, 422, "#/file"),
    ],
)
def test_malformed_verifications_are_422(
    site: Site, body: dict[str, str], status: int, pointer: str
) -> None:
    problem = problem_of(site.verify(**body), status)
    assert problem["errors"][0]["pointer"] == pointer


def test_a_record_that_is_not_there_is_404(site: Site) -> None:
    problem = problem_of(site.verify(id="CA-C-0009999"), 404)
    assert problem["code"] == "NOT_FOUND"


def upload(site: Site, data: bytes, query: str = "", **extra: Any) -> TestResponse:
    form = {"file": (io.BytesIO(data), "saved.html"), **extra}
    return site.client.post(f"/api/v1/verifications{query}", data=form)


def raw(site: Site, data: bytes, query: str = "") -> TestResponse:
    return site.client.post(
        f"/api/v1/verifications{query}", data=data, content_type="application/octet-stream"
    )


@pytest.mark.parametrize("send", [upload, raw])
def test_a_file_is_recognised(site: Site, send: Any) -> None:
    report = send(site, BODY).get_json()
    assert report["verified"] is True
    assert report["sha256"] == SHA256
    other = send(site, BODY + b" ").get_json()
    assert other["verified"] is False
    assert other["sha256"] == hashlib.sha256(BODY + b" ").hexdigest()
    court = send(site, BODY, "?policy=court").get_json()
    assert court["result"] == "incomplete"
    assert problem_of(send(site, BODY, "?policy=x"), 422)["errors"][0]["pointer"] == "#/policy"


def test_saved_with_other_line_ends_is_near(site: Site) -> None:
    report = raw(site, b"\xef\xbb\xbf" + BODY).get_json()
    assert report["verified"] is False
    assert report["near"][0]["id"] == FIRST


@pytest.mark.parametrize("send", [upload, raw])
def test_a_file_over_the_limit_is_413(site: Site, send: Any) -> None:
    assert send(site, b"a" * UPLOAD_LIMIT).status_code == 200
    problem_of(send(site, b"a" * (UPLOAD_LIMIT + 1)), 413)
    problem_of(send(site, b"a" * (3 * UPLOAD_LIMIT)), 413)


def test_a_form_with_other_fields_or_none_is_422(site: Site) -> None:
    assert problem_of(upload(site, BODY, other="x"), 422)["errors"][0]["pointer"] == "#/other"
    nothing = site.client.post(
        "/api/v1/verifications",
        data=b"--b--\r\n",
        content_type="multipart/form-data; boundary=b",
    )
    assert problem_of(nothing, 422)["errors"][0]["pointer"] == "#/file"


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"--b\r\n", "multipart/form-data; boundary=b", 400),
        (b"junk", "multipart/form-data; boundary=b", 400),
        (b"junk", "multipart/form-data", 400),
        (
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc',
            "multipart/form-data; boundary=b",
            400,
        ),
        (b"--b\r\nX: y\r\n\r\nabc\r\n--b--\r\n", "multipart/form-data; boundary=b", 400),
        (
            b"--b\r\nContent-Disposition: form-data\r\n\r\nabc\r\n--b--\r\n",
            "multipart/form-data; boundary=b",
            422,
        ),
        (b"x", "text/html", 415),
        (b"", "", 415),
    ],
)
def test_uploads_that_cannot_be_read(
    site: Site, data: bytes, content_type: str, status: int
) -> None:
    answer = site.client.post("/api/v1/verifications", data=data, content_type=content_type)
    problem_of(answer, status)


def test_an_upload_that_breaks_off_gives_no_verdict(site: Site) -> None:
    answer = site.client.post(
        "/api/v1/verifications",
        input_stream=io.BytesIO(BODY[:100]),
        content_type="application/octet-stream",
        environ_overrides={"CONTENT_LENGTH": str(len(BODY)), "wsgi.input_terminated": True},
    )
    problem_of(answer, 400)


def test_records_are_json_whatever_is_accepted(site: Site) -> None:
    answer = site.client.get(f"/api/v1/records/{FIRST}", headers={"Accept": "text/html"})
    assert answer.data == site.client.get(f"/{FIRST}?format=json").data
    again = site.client.get(
        f"/api/v1/records/{FIRST}", headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert again.status_code == 304
    moved = site.client.get("/api/v1/records/ca-c-0000001-39")
    assert (moved.status_code, moved.headers["Location"]) == (301, f"/api/v1/records/{FIRST}")
    asked = site.client.get("/api/v1/records/CA-C-0000001")
    assert asked.headers["Location"] == f"/api/v1/records/{FIRST}?asked=CA-C-0000001"
    assert problem_of(site.client.get("/api/v1/records/zzz"), 404)["code"] == "ID_MALFORMED"


def test_problems_under_api_are_json_for_browsers_too(site: Site) -> None:
    html = {"Accept": "text/html"}
    problem_of(site.client.get("/api/v1/nothing", headers=html), 404)
    wrong = site.client.get("/api/v1/captures", headers=html)
    problem_of(wrong, 405)
    assert "POST" in wrong.headers["Allow"]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (StorageUnavailable("/secret/path is away"), 503, "STORAGE_UNAVAILABLE"),
        (CatalogBusy("/secret/path is busy"), 503, "CATALOG_BUSY"),
        (ObjectConflict("/secret/path differs"), 500, "OBJECT_CONFLICT"),
        (CatalogError("/secret/path"), 500, "CATALOG_FAILED"),
        (ZeroDivisionError("/secret/path"), 500, "INTERNAL_ERROR"),
    ],
)
def test_failures_inside_are_told_by_code_alone(
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    status: int,
    code: str,
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(api.v1.captures, "ask_for_capture", fails)
    answer = site.capture(url="http://example.org/")
    problem = problem_of(answer, status)
    assert problem["code"] == code
    assert "secret" not in answer.text
    assert "secret" in caplog.text
    assert ("Retry-After" in answer.headers) == (status == 503)


def test_every_problem_type_has_its_page(site: Site) -> None:
    for answer in (
        site.verify(sha256="zzz"),
        site.capture(url="ftp://x/"),
        site.client.get("/api/v1/captures"),
        site.client.post("/api/v1/captures"),
    ):
        page = site.client.get(json.loads(answer.data)["type"])
        assert page.status_code == 200
        assert json.loads(answer.data)["code"] in page.text
    assert site.client.get("/problems/none-such").status_code == 404


def test_health(site: Site) -> None:
    answer = site.client.get("/api/v1/health")
    assert answer.get_json()["status"] == "ok"
    assert answer.headers["Cache-Control"] == "no-store"


def test_openapi_document(site: Site) -> None:
    document = site.client.get("/api/v1/openapi.json").get_json()
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {
        "/api/v1/captures",
        "/api/v1/captures/batch",
        "/api/v1/jobs/{job_id}",
        "/api/v1/records/{text}",
        "/api/v1/records/{text}/custody",
        "/api/v1/records/{text}/restriction",
        "/api/v1/records/{text}/withdrawal",
        "/api/v1/records/{text}/supersession",
        "/api/v1/records/{text}/corrections",
        "/api/v1/records/{text}/redactions",
        "/api/v1/records/{text}/grants",
        "/api/v1/records/{text}/grants/{key_id}",
        "/api/v1/keys",
        "/api/v1/keys/{key_id}",
        "/api/v1/verifications",
        "/api/v1/verifications/batch",
        "/api/v1/verifications/{sha256}",
        "/api/v1/records/{text}/verifications",
        "/api/v1/hashes/{prefix}",
        "/api/v1/health",
    }
    post = document["paths"]["/api/v1/captures"]["post"]
    assert {"200", "201", "202", "401", "403", "422", "default"} <= post["responses"].keys()
    assert post["security"]
    request = document["components"]["schemas"]["CaptureRequest"]
    assert request["additionalProperties"] is False
    for response in document["components"]["responses"].values():
        assert list(response["content"]) == ["application/problem+json"]


def test_one_log_line_and_no_secrets(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="api.request_log"):
        site.client.get(
            f"/{FIRST}?format=json&token=hush",
            headers={**site.key, "X-Request-Id": "abcdef-123456"},
        )
    lines = [vars(record) for record in caplog.records if record.name == "api.request_log"]
    assert len(lines) == 1
    line = lines[0]
    assert (line["method"], line["path"], line["status"]) == ("GET", f"/{FIRST}", 200)
    assert (line["route"], line["request_id"]) == ("/<text>", "abcdef-123456")
    assert "hush" not in repr(line)
    assert "mk_" not in repr(line)
