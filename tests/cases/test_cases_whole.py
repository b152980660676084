# SPDX-License-Identifier: Apache-2.0
"""Cases A to D carried through a whole archive: captured, served, verified."""

import hashlib
import json
import subprocess
import sys
from typing import Any

import pytest
from flask.testing import FlaskClient
from support.archives import captured, look_at, page, settings_at
from support.origin import Origin

from api.app import create_app
from archive.bootstrap import init_archive
from archive.model.outcome import OutcomeKind
from archive.services.context import Archive
from archive.settings import Settings
from archive.storage.layout import blob_key


@pytest.fixture
def client(archive: Archive) -> FlaskClient:
    return create_app(archive).test_client()


def recorded(client: FlaskClient, archive: Archive, url: str) -> dict[str, Any]:
    """The record that a capture of a URL gives, as JSON over HTTP."""
    capture_id = look_at(archive, url).capture_id
    answer = client.get(f"/{capture_id}", headers={"Accept": "application/json"})
    assert answer.status_code == 200
    found: dict[str, Any] = answer.get_json()
    return found


def part_sha256(found: dict[str, Any], role: str) -> str:
    return next(part["sha256"] for part in found["parts"] if part["role"] == role)


@pytest.mark.parametrize(
    "paths",
    [("/doc/10.1%2Fx", "/doc/10.1/x", "/c%23v2"), ("/Terms", "/terms"), ("/cmp/Dia%25",)],
    ids=["d01", "d02-case", "d02-percent"],
)
def test_d01_d02_urls_that_differ_are_records_that_differ(
    archive: Archive, origin: Origin, client: FlaskClient, paths: tuple[str, ...]
) -> None:
    for path in paths:
        origin.page(path, page(f"This is {path}."))
    found = [recorded(client, archive, origin.url(path)) for path in paths]
    assert [item["url"] for item in found] == [origin.url(path) for path in paths]
    assert len({part_sha256(item, "body") for item in found}) == len(paths)
    # None is taken for an earlier capture of another.
    assert [item["previous_id"] for item in found] == [None] * len(paths)


def test_d03_every_response_header_of_a_record_with_a_dash_in_its_url_is_ascii(
    archive: Archive, origin: Origin, client: FlaskClient
) -> None:
    origin.page("/Bild_(1789%E2%80%931858).html", page("A picture – of a kind."))
    found = recorded(client, archive, origin.url("/Bild_(1789–1858).html"))
    assert found["url"].endswith("/Bild_(1789%E2%80%931858).html")
    for place in (f"/{found['id']}", f"/{found['id']}/parts/body", f"/{found['id']}/cite"):
        answer = client.get(place)
        assert answer.status_code == 200
        assert all(f"{name}{value}".isascii() for name, value in answer.headers.items())


def test_d05_a_body_that_is_not_coded_as_it_says_is_served_as_it_came(
    archive: Archive, origin: Origin, client: FlaskClient
) -> None:
    plain = page("We may share data.")
    origin.page("/x", plain, headers={"Content-Encoding": "gzip"})
    found = recorded(client, archive, origin.url("/x"))
    assert client.get(f"/{found['id']}/parts/body").data == plain
    assert part_sha256(found, "body") == hashlib.sha256(plain).hexdigest()
    assert "content-encoding-mismatch" in found["signals"]
    assert "We may share data." in client.get(f"/{found['id']}/parts/text").text


def test_d06_the_header_block_is_served_byte_for_byte(
    archive: Archive, origin: Origin, client: FlaskClient
) -> None:
    body = page("We may share data.")
    head = (
        b"HTTP/1.1 200 Tr\xc3\xa8s bien\r\nSet-Cookie: \xb3\xd2=1\r\n"
        b'Content-Disposition: inline; filename="d\xe2\x80\x99essai.html"\r\n'
        b"Content-Type: text/html\r\n" + f"Content-Length: {len(body)}\r\n\r\n".encode()
    )
    origin.add("/x", head, body)
    found = recorded(client, archive, origin.url("/x"))
    assert client.get(f"/{found['id']}/parts/headers").data == head
    assert part_sha256(found, "headers") == hashlib.sha256(head).hexdigest()


def test_d10_an_error_text_between_two_looks_is_quarantined(
    archive: Archive, origin: Origin
) -> None:
    policy = page(*["We may share your data with our partners."] * 60)
    origin.page("/policy", policy)
    first = captured(archive, origin.url("/policy")).signed
    origin.page("/policy", "<h1>This page isn't available</h1><p>Come back later.</p>")
    suspect = captured(archive, origin.url("/policy")).signed
    origin.page("/policy", policy)
    third = captured(archive, origin.url("/policy")).signed
    assert (suspect.look.capture_id, suspect.look.outcome) == (None, OutcomeKind.ERROR_PAGE)
    assert third.look.previous is not None
    assert third.look.previous.capture_id == first.look.capture_id
    bodies = [item.inventory.part("body") for item in (first, third)]
    assert bodies[0] is not None
    assert bodies[1] is not None
    assert bodies[0].span == bodies[1].span  # the same bytes: a revisit of the first


def test_d11_a_block_is_kept_with_the_vantage_that_met_it(tmp_path: Any, origin: Origin) -> None:
    settings = settings_at(tmp_path / "eu", MUNIMENT_CAPTURE_VANTAGE="eu-datacenter")
    archive, _ = init_archive(settings)
    blocked = "<p>The site is configured to block access from your country.</p>"
    origin.page("/x", blocked, status="403 Forbidden")
    look = look_at(archive, origin.url("/x"))
    archive.close()
    assert (look.outcome, look.capture_id, look.vantage) == (
        OutcomeKind.BLOCKED,
        None,
        "eu-datacenter",
    )


def test_d14_replacements_of_a_wrongly_labelled_page_are_counted_in_the_inventory(
    archive: Archive, origin: Origin
) -> None:
    meta = b'<meta http-equiv=Content-Type content="text/html; charset=windows-1252">'
    body = meta + page("Wir k\u00f6nnen Daten teilen.").decode().encode("latin-1")
    origin.page("/meta", body, content_type="text/html")
    origin.page("/header", body, content_type="text/html; charset=utf-8")
    told, lied = (
        captured(archive, origin.url(path)).signed.inventory for path in ("/meta", "/header")
    )
    assert told.derived is not None
    assert lied.derived is not None
    assert (told.derived.charset, told.derived.replacements) == ("windows-1252", 0)
    assert (lied.derived.charset, lied.derived.replacements) == ("utf-8", 1)
    bodies = [inventory.part("body") for inventory in (told, lied)]
    assert {part.sha256 for part in bodies if part} == {hashlib.sha256(body).hexdigest()}


def test_d15_a_container_that_lost_its_end_is_named_and_the_exit_code_says_so(
    archive: Archive, settings: Settings, origin: Origin
) -> None:
    origin.page("/x", page("We may share data."))
    signed = captured(archive, origin.url("/x")).signed
    own = signed.inventory.own_container
    assert own is not None
    path = settings.data / "store" / blob_key(own)
    data = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(data[:-20])
    run = ["--data", str(settings.data), "verify", str(signed.look.capture_id), "--json"]
    ended = subprocess.run(
        [sys.executable, "-P", "-c", "from archive.cli import main; main()", *run],
        capture_output=True,
        check=False,
        timeout=60,
    )
    report = json.loads(ended.stdout)
    failed = [item for item in report["claims"] if item["status"] == "fail"]
    assert ended.returncode == 1
    assert [item["code"] for item in failed] == ["OBJECT_SIZE_MISMATCH"]
    assert failed[0]["target"] == f"container:{own[:12]}"
    assert str(len(data) - 20) in failed[0]["detail"]
