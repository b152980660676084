# SPDX-License-Identifier: Apache-2.0
"""The page `/verify` in a real browser: the file and its whole digest never leave the machine."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support.archives import minted, new_archive, page, settings_at
from support.chromium import Browser, browser
from support.origin import Origin
from werkzeug.serving import WSGIRequestHandler, make_server

from api.app import create_app
from archive.digests import sha256_hex
from archive.ids import RecordId

BODY = page("We may share data.").replace(b"<p>", b"\n<p>")
DIGEST = sha256_hex(BODY)


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@dataclass
class Desk:
    """The page in a browser, and every request that reached the archive from it."""

    browser: Browser
    base_url: str
    record: RecordId
    requests: list[tuple[str, str, int]] = field(default_factory=list)

    def check(self, path: Path) -> str:
        """The answer of the page about a file."""
        self.browser.open(f"{self.base_url}/verify")
        self.requests.clear()
        self.browser.choose_file("#local-file", path)
        return self._answer()

    def click(self, selector: str) -> str:
        """The answer of the page after a click."""
        self.browser.evaluate(f"document.querySelector({selector!r}).click()")
        return self._answer()

    def _answer(self) -> str:
        self.browser.wait_for("document.getElementById('desk-answer').dataset.state === 'done'")
        return str(self.browser.evaluate("document.getElementById('desk-answer').innerText"))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    archive = new_archive(settings_at(folder / "data"))
    with Origin() as origin:
        origin.page("/terms", BODY)
        record = minted(archive, origin.url("/terms"))
    app = create_app(archive)
    seen: list[tuple[str, str, int]] = []

    def noted(environ: dict[str, Any], start_response: Any) -> Any:
        place = f"{environ['PATH_INFO']}?{environ.get('QUERY_STRING', '')}"
        # The icon is asked for whenever the browser likes.
        if not place.startswith("/static/"):
            size = int(environ.get("CONTENT_LENGTH") or 0)
            seen.append((environ["REQUEST_METHOD"], place, size))
        return app(environ, start_response)

    server = make_server("127.0.0.1", 0, noted, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with browser(folder / "profile") as opened:
            # A range that was asked for is kept for five minutes, and then no request is seen.
            opened.call("Network.enable")
            opened.call("Network.setCacheDisabled", cacheDisabled=True)
            yield Desk(opened, f"http://127.0.0.1:{server.server_port}", record, seen)
    finally:
        server.shutdown()
        thread.join()
        archive.close()


def test_a_file_is_found_by_five_digits_of_its_digest_alone(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "terms.html"
    file.write_bytes(BODY)
    told = desk.check(file)
    assert str(desk.record) in told
    assert "The body of" in told
    assert DIGEST in told
    assert desk.requests == [("GET", f"/api/v1/hashes/{DIGEST[:5]}?", 0)]
    links = desk.browser.evaluate(
        "[...document.querySelectorAll('#desk-answer a')].map((a) => a.getAttribute('href'))"
    )
    assert links == [f"/{desk.record}", f"/{desk.record}/verify"]


@pytest.mark.parametrize(
    ("harmed", "words"),
    [
        (BODY.replace(b"\n", b"\r\n"), "with LF in place of CRLF line ends"),
        (b"\xef\xbb\xbf" + BODY, "without the byte order mark"),
        (b"\xef\xbb\xbf" + BODY.replace(b"\n", b"\r\n"), "without byte order mark and with LF"),
        (BODY + b"\n", "without the line end at its end"),
    ],
)
def test_near_misses_are_named_without_sending_the_file(
    desk: Desk, tmp_path: Path, harmed: bytes, words: str
) -> None:
    file = tmp_path / "harmed.html"
    file.write_bytes(harmed)
    told = desk.check(file)
    # Several beginnings together tell more than one, so they are asked for only on demand.
    assert len(desk.requests) == 1
    assert str(desk.record) not in told
    told = desk.click("#nearest")
    assert f"Almost: {words}" in told
    assert str(desk.record) in told
    assert_nothing_was_sent(desk)


def test_what_is_not_here_is_said_to_prove_nothing(desk: Desk, tmp_path: Path) -> None:
    for name, data in (("other.html", b"<p>another page\n"), ("empty.html", b"")):
        file = tmp_path / name
        file.write_bytes(data)
        told = desk.check(file)
        assert str(desk.record) not in told
        assert ("no proof of falsehood" in told) == bool(data)
        assert_nothing_was_sent(desk)


def test_without_script_the_form_stands_alone(desk: Desk) -> None:
    desk.browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        desk.browser.open(f"{desk.base_url}/verify")
        assert desk.browser.evaluate("document.getElementById('desk').hidden") is True
        assert desk.browser.evaluate("document.querySelectorAll('form.file').length") == 1
    finally:
        desk.browser.call("Emulation.setScriptExecutionDisabled", value=False)


def assert_nothing_was_sent(desk: Desk) -> None:
    for method, place, size in desk.requests:
        assert (method, size) == ("GET", 0)
        assert place.startswith("/api/v1/hashes/")
        assert len(place.removeprefix("/api/v1/hashes/").rstrip("?")) == 5
