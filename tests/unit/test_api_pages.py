# SPDX-License-Identifier: Apache-2.0
"""The pages beside the records: search box, file check, limits; and words for every claim."""

import hashlib
import io
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from support.origin import Origin

from api.app import create_app
from api.pages.record_page import EXCERPT_CHARACTERS, cut_excerpt
from archive.bootstrap import init_archive
from archive.services.capturing.capture import capture
from archive.settings import load_settings

BODY = b"<title>T</title><p>" + b"We may share your data with partners. " * 40
SHA256 = hashlib.sha256(BODY).hexdigest()
FIRST = "CA-C-0000001-39"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    environment = {
        "MUNIMENT_DATA": str(tmp_path_factory.mktemp("archive") / "data"),
        "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8",
    }
    archive, _ = init_archive(load_settings(environment=environment))
    with Origin() as origin:
        origin.page("/terms", BODY)
        capture(archive, origin.url("/terms"))
    yield create_app(archive).test_client()
    archive.close()


@pytest.mark.parametrize(
    ("text", "status", "location"),
    [
        (FIRST, 303, f"/{FIRST}"),
        (" ca-c-0000001-39. ", 303, f"/{FIRST}"),
        ("CA-C-0000001", 303, f"/{FIRST}?asked=CA-C-0000001"),
        (SHA256, 303, f"/verify?sha256={SHA256}"),
        ("CA-C-0000001-93", 404, None),
        ("//evil.example", 422, None),
        ("", 422, None),
    ],
)
def test_the_search_box(client: FlaskClient, text: str, status: int, location: str | None) -> None:
    answer = client.get(f"/find?q={quote(text)}")
    assert (answer.status_code, answer.headers.get("Location")) == (status, location)


def test_the_answer_about_a_digest(client: FlaskClient) -> None:
    page = client.get(f"/verify?sha256={SHA256}").text
    assert "This archive has these bytes" in page
    assert FIRST in page
    assert "Verified" in page
    prefix = client.get(f"/verify?sha256={SHA256[:20]}").text
    assert "A search, not a verification" in prefix
    assert "Verified" not in prefix
    assert "Not found here" in client.get(f"/verify?sha256={'0' * 64}").text
    assert client.get("/verify?sha256=zzz").status_code == 422


def test_the_answer_about_a_file(client: FlaskClient) -> None:
    def sent(data: bytes) -> str:
        answer = client.post("/verify", data={"file": (io.BytesIO(data), "<b>.html")})
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.text

    assert "This archive has these bytes" in sent(BODY)
    assert "Almost, but not these bytes" in sent(b"\xef\xbb\xbf" + BODY)
    assert "Not found here" in sent(b"something else")
    assert "no bytes at all" in sent(b"")


def test_limits_say_what_is_not_claimed(client: FlaskClient) -> None:
    page = client.get("/limits").text
    for words in ("not proven", "one place", "true", "clock"):
        assert words in page


def test_every_claim_has_words_and_every_status_a_sign(client: FlaskClient) -> None:
    report = client.get(f"/{FIRST}/verify?format=json").get_json()
    page = client.get(f"/{FIRST}/verify").text
    for claim in report["claims"]:
        assert f'<span class="words">{claim["id"]}</span>' not in page
    assert page.count('class="icon" aria-hidden="true"') > len({c["id"] for c in report["claims"]})


def test_static_files_are_the_archive_s_own(client: FlaskClient) -> None:
    page = client.get("/").text
    assert "//" not in page.replace("<!doctype", "").split("<main", 1)[0].split("<head>")[1]
    with client.get("/static/muniment.css") as style:
        assert style.mimetype == "text/css"
        assert "http" not in style.text
    assert client.get("/static/../app.py").status_code == 404


@pytest.mark.parametrize(
    ("text", "lines", "is_cut"),
    [
        ("", (), False),
        (" \n\n ", (), False),
        ("one\n\ntwo\n", ("one", "two"), False),
        ("a\x1b[1mb\u202e\nc\x07\u2067\n\u200e", ("a [1mb", "c"), False),
        ("a" * 5000, ("a" * EXCERPT_CHARACTERS,), True),
        ("word " * 1000, (("word " * 1000)[: EXCERPT_CHARACTERS - 1].rsplit(maxsplit=1)[0],), True),
    ],
)
def test_the_excerpt(text: str, lines: tuple[str, ...], is_cut: bool) -> None:  # noqa: FBT001
    excerpt = cut_excerpt(text)
    assert excerpt.paragraphs == lines
    assert excerpt.is_cut == is_cut
