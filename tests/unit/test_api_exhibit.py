# SPDX-License-Identifier: Apache-2.0
"""The exhibit at its address: what comes is one, and a slow reader of it costs no memory."""

import gc
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from support.archives import minted, new_archive, page, published, settings_at
from support.exhibits import verified
from support.origin import Origin

from api.app import create_app
from archive.ids import RecordId
from archive.model.claim import Result
from archive.services.context import Archive


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Archive, RecordId, FlaskClient]]:
    settings = settings_at(tmp_path_factory.mktemp("site") / "data")
    archive = new_archive(settings)
    with Origin() as origin:
        origin.page("/large", page(*(f"This is number {number}." for number in range(8_000))))
        record = minted(archive, origin.url("/large"))
    published(archive)
    yield archive, record, create_app(archive, settings=settings).test_client()
    archive.close()


def test_what_comes_is_verified(
    site: tuple[Archive, RecordId, FlaskClient], tmp_path: Path
) -> None:
    archive, record, client = site
    path = tmp_path / "it.zip"
    with client.get(f"/{record}/exhibit") as answer:
        path.write_bytes(answer.data)
    assert answer.headers["Content-Length"] == str(path.stat().st_size)
    assert verified(path, tuple(archive.pinned_roots)).result is Result.VERIFIED
    head = client.head(f"/{record}/exhibit")
    assert (head.status_code, head.headers.get("Content-Length")) == (200, None)
    assert client.get(f"/{record}/exhibit?policy=none").status_code == 422


def test_a_reader_who_takes_his_time_holds_no_exhibit_in_memory(
    site: tuple[Archive, RecordId, FlaskClient],
) -> None:
    _, record, client = site
    with client.get(f"/{record}/exhibit") as answer:
        size = int(answer.headers["Content-Length"])
    assert size > 4_000_000
    tracemalloc.start()
    try:
        waiting = [client.get(f"/{record}/exhibit", buffered=False) for _ in range(3)]
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < size
    for answer in waiting:
        answer.close()
