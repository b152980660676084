# SPDX-License-Identifier: Apache-2.0
"""Fifty captures of one URL at the same time, by threads of several processes."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest
import sqlalchemy as sa
from support.apart import capture_at_once
from support.archives import audited, page, rebuilt, stored_keys, tables
from support.origin import Origin, Wait, response

from archive.catalog.tables import capture, ops_reservation, part
from archive.ids import Kind, RecordId
from archive.services.context import Archive
from archive.services.verifying.verify import verify_record
from archive.settings import Settings

pytestmark = pytest.mark.both_databases

PROCESSES = 5
THREADS = 10
COUNT = PROCESSES * THREADS


@pytest.mark.slow
def test_fifty_captures_of_one_url_are_fifty_whole_records(
    archive: Archive, settings: Settings, origin: Origin
) -> None:
    # Every look is under way before the first one is recorded.
    origin.add("/terms", Wait(1), response(page()))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["support.apart", "psycopg"])
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        asked = [
            pool.submit(capture_at_once, settings, origin.url("/terms"), THREADS)
            for _ in range(PROCESSES)
        ]
        numbers = [number for item in asked for number in item.result()]
    assert len(origin.requests_for("/terms")) == COUNT
    assert sorted(numbers) == list(range(1, COUNT + 1))

    ids = [RecordId("CA", Kind.CAPTURE, number) for number in sorted(numbers)]
    reports = {str(capture_id): verify_record(archive, capture_id) for capture_id in ids}
    assert {name for name, report in reports.items() if report.result.exit_code} == set()
    assert audited(archive, "deep").exit_code == 0
    names = {key.split("/")[1] for key in stored_keys(settings, "captures/")}
    assert names == set(reports)
    assert len(stored_keys(settings, "captures/")) == 2 * COUNT

    with archive.database.reading() as connection:
        assert connection.execute(sa.select(ops_reservation)).all() == []
        bodies = connection.execute(
            sa.select(capture.c.container_sha256, part.c.container_sha256)
            .join(part, part.c.capture_number == capture.c.number)
            .where(part.c.role == "body")
        ).all()
    whole = {own for own, holds in bodies if own == holds}
    revisits = [(own, holds) for own, holds in bodies if own != holds]
    assert len(whole) + len(revisits) == COUNT
    assert {holds for _, holds in revisits} <= whole
    before = tables(archive)
    rebuilt(archive)
    assert tables(archive) == before
