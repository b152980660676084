# SPDX-License-Identifier: Apache-2.0
"""`GET /{id}/parts/<role>`: the right bytes, in ranges, and where they can do no harm."""

import base64
import gzip
import hashlib
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from support.origin import Origin

from api.app import create_app
from api.ranges import RangeUnsatisfiable, read_range
from archive.bootstrap import init_archive
from archive.services.capturing.capture import capture
from archive.settings import load_settings

BODY = (
    b"<title>T</title><script>alert(document.domain)</script><p>"
    + b"We may share your data with partners. " * 40
)
FIRST, ODD = "CA-C-0000001-39", "CA-C-0000002-36"
FILE = f"/{FIRST}/parts/body"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    environment = {
        "MUNIMENT_DATA": str(tmp_path_factory.mktemp("archive") / "data"),
        "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8",
    }
    archive, _ = init_archive(load_settings(environment=environment))
    with Origin() as origin:
        origin.page("/terms", BODY)
        origin.page(
            "/odd",
            gzip.compress(BODY + b"<p>two"),
            content_type='text/html; charset="utf-8"',
            headers={"Content-Encoding": "gzip"},
        )
        capture(archive, origin.url("/terms"))
        capture(archive, origin.url("/odd"))
    yield create_app(archive).test_client()
    archive.close()


def field(data: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


def test_body_is_a_download_that_cannot_run(client: FlaskClient) -> None:
    answer = client.get(FILE)
    assert answer.data == BODY
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    disposition = answer.headers["Content-Disposition"]
    assert disposition == f'attachment; filename="{FIRST}-body.html"'
    assert answer.mimetype == "text/html"
    assert answer.headers["Repr-Digest"] == answer.headers["Content-Digest"] == field(BODY)
    assert answer.headers["ETag"] == f'"{hashlib.sha256(BODY).hexdigest()}"'
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert answer.headers["Link"] == f'</{FIRST}>; rel="collection"; type="text/html"'
    assert answer.headers["Accept-Ranges"] == "bytes"


def test_text_is_shown_as_plain_text(client: FlaskClient) -> None:
    answer = client.get(f"/{FIRST}/parts/text")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "Content-Disposition" not in answer.headers
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "We may share your data" in answer.text


def test_content_coded_body_has_both_forms(client: FlaskClient) -> None:
    decoded, raw = client.get(f"/{ODD}/parts/body"), client.get(f"/{ODD}/parts/body-raw")
    assert decoded.data == BODY + b"<p>two"
    assert gzip.decompress(raw.data) == decoded.data
    assert "Content-Encoding" not in decoded.headers
    assert "Content-Encoding" not in raw.headers
    assert raw.headers["Content-Disposition"].startswith("attachment")


def test_response_headers_are_handed_out_and_the_request_is_not(client: FlaskClient) -> None:
    headers = client.get(f"/{FIRST}/parts/headers")
    assert headers.data.startswith(b"HTTP/1.1 200")
    assert headers.headers["Content-Disposition"].startswith("attachment")
    assert client.get(f"/{FIRST}/parts/request").status_code == 404


@pytest.mark.parametrize("role", ["screenshot", "..", "%00", "body%2f..", "'--", "BODY"])
def test_no_such_part_is_404(client: FlaskClient, role: str) -> None:
    assert client.get(f"/{FIRST}/parts/{role}").status_code == 404


@pytest.mark.parametrize(
    ("given", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        ("bytes=5-", 5, len(BODY)),
        ("bytes=-7", len(BODY) - 7, len(BODY)),
        ("bytes=-999999", 0, len(BODY)),
        ("bytes=0-999999", 0, len(BODY)),
        ("BYTES=1-2", 1, 3),
    ],
)
def test_one_range_is_206(client: FlaskClient, given: str, start: int, stop: int) -> None:
    answer = client.get(FILE, headers={"Range": given})
    assert answer.status_code == 206
    assert answer.data == BODY[start:stop]
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(BODY)}"
    assert answer.headers["Content-Length"] == str(stop - start)
    assert answer.headers["Repr-Digest"] == field(BODY)
    assert answer.headers["Content-Digest"] == field(BODY[start:stop])


@pytest.mark.parametrize(
    "given", ["bytes=0-1,5-6", "lines=0-1", "bytes=9-5", "bytes=a-b", "bytes=-", "bytes", ""]
)
def test_what_is_not_one_byte_range_gives_the_whole(client: FlaskClient, given: str) -> None:
    answer = client.get(FILE, headers={"Range": given})
    assert (answer.status_code, answer.data) == (200, BODY)


@pytest.mark.parametrize("given", [f"bytes={len(BODY)}-", "bytes=999999-9999999", "bytes=-0"])
def test_a_range_beyond_the_end_is_416(client: FlaskClient, given: str) -> None:
    answer = client.get(FILE, headers={"Range": given, "Accept": "application/json"})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(BODY)}"
    assert answer.mimetype == "application/problem+json"


def test_if_range_and_head_and_if_none_match(client: FlaskClient) -> None:
    etag = client.get(FILE).headers["ETag"]
    fresh = client.get(FILE, headers={"Range": "bytes=0-1", "If-Range": etag})
    stale = client.get(FILE, headers={"Range": "bytes=0-1", "If-Range": '"other"'})
    weak = client.get(FILE, headers={"Range": "bytes=0-1", "If-Range": f"W/{etag}"})
    assert [fresh.status_code, stale.status_code, weak.status_code] == [206, 200, 200]
    head = client.head(FILE, headers={"Range": "bytes=0-1"})
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == str(len(BODY))
    assert client.get(FILE, headers={"If-None-Match": etag}).status_code == 304


def test_a_range_of_nothing_cannot_be_had() -> None:
    assert read_range(None, 0) is None
    for given in ("bytes=0-", "bytes=-1", "bytes=0-0"):
        with pytest.raises(RangeUnsatisfiable):
            read_range(given, 0)
