# SPDX-License-Identifier: Apache-2.0
"""`GET /{id}` and what lies below it, on a real archive with real captures."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from support.origin import Origin

import api.pages.record_page
import api.reports
from api.app import create_app
from archive.bootstrap import init_archive
from archive.services.capturing.capture import capture
from archive.services.context import Archive
from archive.settings import load_settings

pytestmark = pytest.mark.both_databases(later=True)

PAGE = (
    "<html lang=en><head><title>Terms &amp; <script>alert(1)</script></title></head><body><main>"
    "<h1>Terms</h1>"
    + "".join(
        f"<p>Clause {n}: we may share your data with partners for the purposes described here.</p>"
        for n in range(40)
    )
    + "<p>&lt;script&gt;alert('text')&lt;/script&gt;</p></main></body></html>"
)
FIRST, SECOND = "CA-C-0000001-39", "CA-C-0000002-36"


@dataclass(frozen=True)
class Site:
    client: FlaskClient
    archive: Archive
    folder: Path


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, module_database_setting: dict[str, str]
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("archive")
    settings = load_settings(
        environment={
            "MUNIMENT_DATA": str(folder / "data"),
            "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8",
            **module_database_setting,
        }
    )
    archive, _ = init_archive(settings)
    with Origin() as origin:
        origin.page("/terms", PAGE)
        origin.page("/odd", PAGE + "<p>two</p>", content_type='text/html; x="><script>"')
        capture(archive, origin.url("/terms"))
        capture(archive, origin.url("/odd"))
    yield Site(create_app(archive).test_client(), archive, folder / "data")
    archive.close()


def repr_digest(data: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "text/html"),
        ("*/*", "text/html"),
        ("", "text/html"),
        ("text/*", "text/html"),
        ("application/*", "application/json"),
        ("application/json", "application/json"),
        ("application/json;charset=utf-8", "application/json"),
        ("APPLICATION/JSON", "application/json"),
        ("text/html;q=0, */*", "application/json"),
        ("text/html;q=0.4, application/json;q=0.5", "application/json"),
        ("application/json, text/html", "text/html"),
        ("application/json, */*;q=0.1", "application/json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("image/png, */*;q=0.01", "text/html"),
    ],
)
def test_accept_chooses_the_representation(site: Site, accept: str | None, media_type: str) -> None:
    headers = {} if accept is None else {"Accept": accept}
    answer = site.client.get(f"/{FIRST}", headers=headers)
    assert answer.status_code == 200
    assert answer.mimetype == media_type
    assert answer.vary.as_set() == {"accept"}


@pytest.mark.parametrize("accept", ["image/png", "application/pdf", "text/html;q=0"])
def test_nothing_acceptable_is_406_and_lists_what_there_is(site: Site, accept: str) -> None:
    answer = site.client.get(f"/{FIRST}", headers={"Accept": accept})
    assert answer.status_code == 406
    problem = json.loads(answer.data)
    assert problem["available"] == ["text/html", "application/json"]
    assert problem["code"] == "NOT_ACCEPTABLE"


def test_format_wins_over_accept(site: Site) -> None:
    html = {"Accept": "text/html"}
    assert site.client.get(f"/{FIRST}?format=json", headers=html).is_json
    assert site.client.get(f"/{FIRST}?format=xyz", headers=html).status_code == 406
    json_only = {"Accept": "application/json"}
    assert site.client.get(f"/{FIRST}?format=html", headers=json_only).mimetype == "text/html"


def test_json_is_the_row_with_its_digests(site: Site) -> None:
    answer = site.client.get(f"/{FIRST}?format=json")
    row = site.archive.hot.record(FIRST)
    assert row is not None
    assert answer.data == row[0]
    assert answer.headers["ETag"] == f'"{hashlib.sha256(answer.data).hexdigest()}"'
    assert answer.headers["Repr-Digest"] == repr_digest(answer.data)
    assert answer.headers["Content-Location"] == f"/{FIRST}?format=json"
    for wanted in (
        f'</{FIRST}>; rel="cite-as"',
        f'</{FIRST}?format=json>; rel="describedby"; type="application/json"',
        f'</{FIRST}/parts/body>; rel="item"; type="text/html"',
        f'</{FIRST}/parts/text>; rel="item"; type="text/plain"',
        '<https://schema.org/AboutPage>; rel="type"',
    ):
        assert wanted in answer.headers["Link"]
    assert "parts/request" not in answer.headers["Link"]


@pytest.mark.parametrize("query", ["", "?format=json"])
def test_head_and_if_none_match(site: Site, query: str) -> None:
    whole = site.client.get(f"/{FIRST}/v1{query}")
    head = site.client.head(f"/{FIRST}/v1{query}")
    assert head.status_code == 200
    assert head.data == b""
    assert head.headers["Content-Type"] == whole.headers["Content-Type"]
    if query:
        for etag in (whole.headers["ETag"], "W/" + whole.headers["ETag"], "*"):
            again = site.client.get(f"/{FIRST}/v1{query}", headers={"If-None-Match": etag})
            assert again.status_code == 304
            assert again.data == b""
            assert again.headers["ETag"] == whole.headers["ETag"]


def test_page_carries_the_digest_of_itself(site: Site) -> None:
    answer = site.client.get(f"/{FIRST}")
    assert answer.headers["Repr-Digest"] == repr_digest(answer.data)
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["Content-Location"] == f"/{FIRST}?format=html"


@pytest.mark.parametrize(
    "path",
    [f"/{FIRST}", f"/{FIRST}?format=json", f"/{FIRST}/verify", "/", "/nonsense", "/api/v1/health"],
)
def test_every_answer_has_the_security_headers(site: Site, path: str) -> None:
    answer = site.client.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Referrer-Policy" in answer.headers
    assert "Date" not in answer.headers


def test_pages_hold_neither_script_nor_inline_style(site: Site) -> None:
    for path in ("/", "/verify", "/limits", f"/{FIRST}", f"/{FIRST}/verify", "/nonsense"):
        page = site.client.get(path).text.lower()
        # The one script is a file of the archive's own, and nothing is written into the page.
        own = re.sub(r'<script src="/static/hash-desk\.js\?v=[^"]*" defer></script>', "", page)
        assert (own != page) == (path == "/verify")
        assert "<script" not in own
        assert "style=" not in page
        assert "<style" not in page
        assert "onclick" not in page


@pytest.mark.parametrize(
    "written",
    [
        "ca-c-0000001-39",
        "CA-C-000000139",
        "ca c 0000001 39",
        "CA-C-\n0000001-39",
        "CA‑C‑0000001‑39).",
        "ＣＡ-Ｃ-０００００01-39",
        "CA-C-1-39",
        f"{FIRST}/",
        f"{FIRST}/third-party-sharing",
        f"{FIRST},",
    ],
)
def test_another_spelling_moves_to_the_canonical_one(site: Site, written: str) -> None:
    answer = site.client.get("/" + quote(written))
    assert answer.status_code == 301
    assert answer.headers["Location"] == f"/{FIRST}"


def test_redirect_keeps_the_query_and_the_tail(site: Site) -> None:
    moved = site.client.get("/ca-c-0000001-39/parts/body")
    assert (moved.status_code, moved.headers["Location"]) == (301, f"/{FIRST}/parts/body")
    moved = site.client.get("/ca-c-0000001-39?format=json")
    assert moved.headers["Location"] == f"/{FIRST}?format=json"
    moved = site.client.get("/ca-c-0000001-39/v1")
    assert moved.headers["Location"] == f"/{FIRST}/v1"


def test_double_escaped_hyphens_resolve(site: Site) -> None:
    moved = site.client.get("/CA%252DC%252D0000001%252D39")
    assert (moved.status_code, moved.headers["Location"]) == (301, f"/{FIRST}")


def test_an_id_without_check_digits_asks_the_reader(site: Site) -> None:
    moved = site.client.get("/CA-C-0000001")
    assert moved.status_code == 302
    assert moved.headers["Location"] == f"/{FIRST}?asked=CA-C-0000001"
    page = site.client.get(moved.headers["Location"]).text
    assert "Is this the record that was meant?" in page
    assert "<code>CA-C-0000001</code>" in page
    assert "Is this the record" not in site.client.get(f"/{FIRST}").text


@pytest.mark.parametrize(
    "asked", ["CA-C-0000002", "<script>alert(1)</script>", FIRST, "Call 555-0100 to confirm"]
)
def test_the_notice_shows_only_what_does_lead_here(site: Site, asked: str) -> None:
    page = site.client.get(f"/{FIRST}?asked={quote(asked)}").text
    assert "Is this the record" not in page
    assert "555-0100" not in page


def test_wrong_check_digits_give_404_with_candidates(site: Site) -> None:
    page = site.client.get("/CA-C-0000001-93")
    assert page.status_code == 404
    assert page.mimetype == "text/html"
    assert f'href="/{FIRST}"' in page.text
    answer = site.client.get("/CA-C-0000001-93", headers={"Accept": "application/json"})
    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"
    problem = json.loads(answer.data)
    assert problem["resolution"] == "bad_check"
    assert problem["candidates"] == [FIRST]
    assert problem["type"] == "/problems/id-malformed"
    assert answer.headers["Cache-Control"] == "no-store"


def test_an_id_that_nobody_has_is_404(site: Site) -> None:
    answer = site.client.get("/CA-C-0000099-36?format=json")
    problem = json.loads(answer.data)
    assert (answer.status_code, problem["status"]) == (404, 404)
    assert problem["resolution"] in {"not_found", "bad_check"}


@pytest.mark.parametrize(
    "path",
    [
        "/--output=x",
        "/-h",
        "/HEAD",
        "/a/../b",
        "/%00",
        "/..%2f..%2fetc%2fpasswd",
        "/%FF%FE",
        "/" + "9" * 5000,
        "/CA-X-0000001-39",
        "/XX-C-0000001-39",
        "/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "//evil.example",
        "/favicon.ico",
    ],
)
def test_d45_what_is_no_id_is_refused_by_grammar(
    site: Site, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_reading(*_: object) -> None:
        raise AssertionError("looked up")

    monkeypatch.setattr(type(site.archive.database), "reading", no_reading)
    for headers in ({}, {"Accept": "application/json"}):
        answer = site.client.get(path, headers=headers)
        assert answer.status_code in {308, 404}
        if answer.mimetype == "text/html":
            assert "<script>alert" not in answer.text
        if answer.status_code == 308:
            assert not answer.headers["Location"].startswith("//")


def test_the_fixed_version(site: Site) -> None:
    current = site.client.get(f"/{FIRST}?format=json")
    fixed = site.client.get(f"/{FIRST}/v1?format=json")
    assert fixed.data == current.data
    assert fixed.headers["Cache-Control"] == "public, max-age=3600"
    assert "no-cache" in current.headers["Cache-Control"]
    for missing in ("v2", "v0", "v01", "history"):
        assert site.client.get(f"/{FIRST}/{missing}").status_code == 404


def test_the_record_page_says_it_all(site: Site) -> None:
    page = site.client.get(f"/{FIRST}").text
    record = site.client.get(f"/{FIRST}?format=json").get_json()
    for part in record["parts"]:
        assert (part["sha256"] or part["commitment"]) in page
    for name in ("statement_sha256", "envelope_sha256", "inventory_sha256", "container_sha256"):
        assert record[name] in page
    assert "Clause 3: we may share" in page
    assert "Clause 39" not in page
    assert f"http://localhost/{FIRST}/v1" in page
    assert "Not proven" in page
    assert "really authored" in page
    assert page.index("What it says") < page.index("Cite it") < page.index("What is proven")
    for landmark in ("<main", "<nav aria-label", "<footer", "<h1>", 'lang="en"', "viewport"):
        assert landmark in page


def test_the_page_of_a_damaged_record_shows_the_claim_that_fails(site: Site) -> None:
    record = site.client.get(f"/{SECOND}?format=json").get_json()
    sha256 = record["container_sha256"]
    stored = site.folder / "store" / "blobs" / "sha256" / sha256[:2] / sha256[2:4] / sha256
    sound = stored.read_bytes()
    stored.chmod(0o600)
    stored.write_bytes(sound[:-40] + bytes([sound[-40] ^ 1]) + sound[-39:])
    try:
        page = site.client.get(f"/{SECOND}")
        part = site.client.get(f"/{SECOND}/parts/text", headers={"Accept": "application/json"})
        report = site.client.get(f"/{SECOND}/verify?format=json").get_json()
    finally:
        stored.write_bytes(sound)
    assert page.status_code == 200
    assert "Verification failed" in page.text
    assert "OBJECT_DIGEST_MISMATCH" in page.text
    assert "There is no citation" in page.text
    assert part.status_code == 500
    assert part.mimetype == "application/problem+json"
    assert str(site.folder) not in part.text
    assert report["result"] == "failed"


def test_citation(site: Site) -> None:
    answer = site.client.get(f"/{FIRST}/cite")
    assert answer.mimetype == "text/plain"
    record = site.client.get(f"/{FIRST}?format=json").get_json()
    body = next(part for part in record["parts"] if part["role"] == "body")
    assert body["sha256"] in answer.text
    assert f"http://localhost/{FIRST}/v1" in answer.text
    unknown = site.client.get(f"/{FIRST}/cite?style=mla9", headers={"Accept": "application/json"})
    assert unknown.status_code == 406


def test_unknown_style_lists_the_styles(site: Site) -> None:
    answer = site.client.get(f"/{FIRST}/cite?style=..%2f..%2fetc&format=json")
    problem = json.loads(answer.data)
    assert (answer.status_code, problem["code"]) == (406, "STYLE_UNKNOWN")
    assert "plain" in problem["detail"]


def test_verify_report(site: Site) -> None:
    report = site.client.get(f"/{FIRST}/verify", headers={"Accept": "application/json"}).get_json()
    assert report["result"] == "verified"
    assert report["summary"]["not_proven"] == ["server.authorship"]
    court = site.client.get(f"/{FIRST}/verify?policy=court")
    assert "Not all is proven" in court.text
    assert site.client.get(f"/{FIRST}/verify?policy=none").status_code == 422


def test_unknown_methods_keep_allow(site: Site) -> None:
    answer = site.client.post(f"/{FIRST}", headers={"Accept": "application/json"})
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert json.loads(answer.data)["code"] == "METHOD_NOT_ALLOWED"


def test_views_are_made_from_one_verification_and_head_from_none(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, asked = create_app(site.archive).test_client(), list[object]()
    verify = api.reports.verify_record
    monkeypatch.setattr(
        api.reports, "verify_record", lambda *given: asked.append(given) or verify(*given)
    )
    for path in (f"/{FIRST}", f"/{FIRST}/v1", f"/{FIRST}/verify", f"/{FIRST}/verify?format=json"):
        head = client.head(path)
        assert (head.status_code, head.data) == (200, b"")
        assert "Content-Length" not in head.headers
    assert client.head(f"/{FIRST}/verify?policy=none").status_code == 422
    assert asked == []
    pages = [client.get(f"/{FIRST}") for _ in range(2)]
    assert pages[0].data == pages[1].data
    reports = [client.get(f"/{FIRST}/verify?format=json").get_json() for _ in range(2)]
    reports.append(client.post("/api/v1/verifications", json={"id": FIRST}).get_json())
    assert len({report["report_id"] for report in reports}) == 1
    assert reports[0]["verified_at"] in pages[0].text
    assert len(asked) == 1
    client.get(f"/{FIRST}/verify?policy=court")
    assert len(asked) == 2


def test_a_large_record_is_not_verified_for_its_page(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = create_app(site.archive).test_client()
    verify = api.reports.verify_record
    monkeypatch.setattr(api.reports, "LARGE_BYTES", 1000)
    monkeypatch.setattr(api.reports, "verify_record", lambda *_: pytest.fail("verified"))
    monkeypatch.setattr(api.pages.record_page, "LARGE_BYTES", 1000)
    page = client.get(f"/{FIRST}").text
    assert "Not checked on this page, because it is large" in page
    assert "The text is large" in page
    assert f'href="/{FIRST}/verify"' in page
    assert "Verified" not in page
    assert client.get(f"/{FIRST}/cite").status_code == 200
    monkeypatch.setattr(api.reports, "verify_record", verify)
    assert "Verified" in client.get(f"/{FIRST}/verify").text


@pytest.mark.parametrize("path", [f"/{FIRST}", f"/{FIRST}/verify?format=json"])
def test_too_much_at_once_is_503(site: Site, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(site.archive, threads=1)
    with app.extensions["muniment.bounds"].small.place():
        busy = app.test_client().get(path)
    assert busy.status_code == 503
    assert "Retry-After" in busy.headers
    assert app.test_client().get(path).status_code == 200
    assert app.test_client().get("/problems/busy").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example"])
def test_nothing_is_taken_from_a_host_that_anyone_can_write(site: Site, host: str) -> None:
    headers = {"Host": host}
    for path in (f"/{FIRST}", f"/{FIRST}/cite"):
        answer = site.client.get(path, headers=headers)
        assert f"{FIRST}/v1" in answer.text
        assert host not in answer.text
    for path in (f"//{FIRST}", f"/a//{FIRST}?x=1", "//evil.example"):
        moved = site.client.get(path, headers=headers)
        if moved.status_code == 308:
            assert moved.headers["Location"].startswith("/")
            assert not moved.headers["Location"].startswith("//")
            assert f"http://{host}" not in moved.text


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1:8080", "[::1]:8080"])
def test_an_address_on_this_machine_is_cited_as_it_was_asked(site: Site, host: str) -> None:
    answer = site.client.get(f"/{FIRST}/cite", headers={"Host": host})
    assert f"http://{host}/{FIRST}/v1" in answer.text


def changed(site: Site, capture_id: str, record: dict[str, object]) -> None:
    data = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
    with site.archive.database.writing() as connection:
        connection.execute(
            sa.text(
                "UPDATE capture SET record_json = :data, record_sha256 = :sha256 WHERE id = :id"
            ),
            {"data": data, "sha256": hashlib.sha256(data).hexdigest(), "id": capture_id},
        )


def test_a_catalogue_that_was_changed_is_told_first_and_is_not_cited(site: Site) -> None:
    sound = site.client.get(f"/{SECOND}?format=json").get_json()
    title = "A \u202elie\u2066 with\x1b[31m controls\x07"
    changed(site, SECOND, {**sound, "title": title})
    try:
        page = site.client.get(f"/{SECOND}").text
        cited = site.client.get(f"/{SECOND}/cite")
    finally:
        changed(site, SECOND, sound)
    assert page.index("The catalogue does not say what was signed") < page.index("<h1>")
    assert "CATALOG_DISAGREES" in page
    assert "Clause 3" not in page
    assert "There is no citation" in page
    assert cited.status_code == 500
    assert "<h1>A lie with [31m controls</h1>" in page
    assert "<title>A lie with [31m controls ·" in page
    for control in "\u202e\u2066\x1b\x07":
        assert control not in page
    assert "Clause 3" in site.client.get(f"/{SECOND}").text
