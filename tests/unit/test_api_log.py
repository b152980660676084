# SPDX-License-Identifier: Apache-2.0
"""`/log/…` over HTTP: the forms of c2sp.org/tlog-tiles, cached as they may be, and a page."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from support.archives import minted, new_archive, page, settings_at
from support.origin import Origin

from api.app import create_app
from archive.digests import sha256_hex
from archive.model.log_entry import LogEntry
from archive.proofs.checkpoint import SignedCheckpoint
from archive.proofs.merkle import leaf_hash, root_of
from archive.proofs.tiles import Tile, read_bundle, read_tile

TILE = "application/octet-stream"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    archive = new_archive(settings_at(tmp_path_factory.mktemp("archive") / "data"))
    with Origin() as origin:
        origin.page("/terms", page())
        for _ in range(3):
            minted(archive, origin.url("/terms"))
    yield create_app(archive).test_client()
    archive.close()


def test_the_log_is_read_by_its_files_alone(client: FlaskClient) -> None:
    answer = client.get("/log/checkpoint")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    head = SignedCheckpoint.from_bytes(answer.data).head
    assert head.size == 4
    bundle = client.get(f"/log/{Tile(None, 0, 4).path}")
    tile = client.get(f"/log/{Tile(0, 0, 4).path}")
    entries = read_bundle(bundle.data, 4)
    assert [LogEntry.from_bytes(entry).kind for entry in entries] == ["keyset", *["capture"] * 3]
    hashes = [leaf_hash(entry) for entry in entries]
    assert read_tile(tile.data, 4) == hashes
    assert root_of(hashes) == head.root
    for found in (bundle, tile):
        assert found.headers["Content-Type"] == TILE
        assert "immutable" in found.headers["Cache-Control"]
    assert "max-age=5" in answer.headers["Cache-Control"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_an_answer_says_its_digest_and_is_not_sent_twice(client: FlaskClient) -> None:
    for path in ("/log/checkpoint", "/log/tile/0/000.p/4"):
        first = client.get(path)
        digest = base64.b64encode(bytes.fromhex(sha256_hex(first.data))).decode()
        assert first.headers["Repr-Digest"] == f"sha-256=:{digest}:"
        again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        head = client.head(path)
        assert (head.status_code, head.data) == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/log/tile/0/000",
        "/log/tile/0/000.p/9",
        "/log/tile/entries/001",
        "/log/tile/0/000.p/04",
        "/log/tile/00/000.p/4",
        "/log/tile/0/../0/000.p/4",
        "/log/tile/0/%2e%2e/000.p/4",
        "/log/tile/checkpoint",
        "/log/tile/",
        "/log/checkpoints/4/checkpoint",
        "/log/other",
    ],
)
def test_what_is_no_tile_is_not_found(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.mimetype in {"text/html", "application/problem+json"}
    assert b"keyset" not in answer.data.lower()


def test_the_page_tells_size_root_and_how_to_check_it(client: FlaskClient) -> None:
    note = client.get("/log/checkpoint").data
    head = SignedCheckpoint.from_bytes(note).head
    shown = client.get("/log")
    assert shown.status_code == 200
    assert head.root.hex() in shown.text
    assert note.decode().splitlines()[2] in shown.text
    assert "muniment log check --checkpoint FILE" in shown.text
    assert "only who keeps an earlier checkpoint" in shown.text
    assert 'href="/log"' in client.get("/").text


def test_an_archive_that_published_nothing_says_so(tmp_path: Path) -> None:
    settings = settings_at(tmp_path / "data")
    archive = new_archive(settings)
    (settings.data / "store/log/checkpoint").unlink()
    client = create_app(archive).test_client()
    assert client.get("/log/checkpoint").status_code == 404
    archive.close()
