# SPDX-License-Identifier: Apache-2.0
"""The list of what is to be stamped, and the rows of tokens, on both databases."""

import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.archives import audited, minted, page, published, rebuilt, settings_at, tables
from support.authorities import now
from support.origin import Origin
from support.stamping import TimeServer, trusting

from archive.bootstrap import Stand, init_archive, open_archive
from archive.catalog import stamps, time_tokens
from archive.clock import FixedClock, rfc3339
from archive.services.context import Archive
from archive.services.stamping.stamp import pending, stamp_all
from archive.services.verifying.verify import verify_record
from archive.settings import Settings

pytestmark = pytest.mark.both_databases


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TimeServer]:
    with TimeServer(tmp_path / "tsa", has_lists=True) as server:
        yield server


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(dt.datetime.now(dt.UTC))


@pytest.fixture
def settings(tmp_path: Path, server: TimeServer, database_setting: dict[str, str]) -> Settings:
    return settings_at(
        tmp_path / "data", MUNIMENT_TIMESTAMPING_URLS=server.setting, **database_setting
    )


@pytest.fixture
def archive(settings: Settings, server: TimeServer, clock: FixedClock) -> Iterator[Archive]:
    archive, _ = init_archive(settings, Stand(clock))
    trusting(archive, settings, server)
    yield archive
    archive.close()


def nothing() -> None:
    pass


def test_rows_are_remade_from_the_store_alone(
    archive: Archive, server: TimeServer, origin: Origin
) -> None:
    origin.page("/terms", page())
    records = [minted(archive, origin.url("/terms")) for _ in range(3)]
    published(archive)
    run = stamp_all(archive, nothing)
    assert {str(one) for one in records} < set(run.done)
    assert len(run.done) == len(records) + 1, "and the checkpoint"
    before = tables(archive)
    assert len(before["time_token"]) == len(records) + 1
    rebuilt(archive)
    assert tables(archive) == before
    assert audited(archive, "plain").damages == []
    asked = server.asked
    stamp_all(archive, nothing)
    assert server.asked == asked


def test_many_that_stamp_at_once_ask_once_for_each(
    archive: Archive, settings: Settings, server: TimeServer, clock: FixedClock, origin: Origin
) -> None:
    origin.page("/terms", page())
    records = [minted(archive, origin.url("/terms")) for _ in range(12)]
    published(archive)
    others = [open_archive(settings, Stand(clock)) for _ in range(3)]
    try:
        with ThreadPoolExecutor(4) as pool:
            runs = list(pool.map(lambda one: stamp_all(one, nothing), [archive, *others]))
    finally:
        for other in others:
            other.close()
    done = [name for run in runs for name in run.done]
    assert sorted(done) == sorted(set(done)), "none was done twice"
    assert {str(one) for one in records} < set(done)
    assert server.asked == len(done)
    assert pending(archive).due == 0


def test_renewals_are_found_in_time_and_once(
    archive: Archive, server: TimeServer, clock: FixedClock, origin: Origin
) -> None:
    origin.page("/terms", page())
    record = minted(archive, origin.url("/terms"))
    server.mood = server.made(server.issue(days=365), at=now())
    stamp_all(archive, nothing)
    clock.at += dt.timedelta(days=300)
    before = rfc3339(clock.at + dt.timedelta(days=180))
    with archive.database.reading() as connection:
        found = time_tokens.subjects_to_renew(connection, rfc3339(clock.at), before, 10)
    assert str(record) in found
    assert pending(archive).due == len(found)
    with archive.database.reading() as connection:
        assert time_tokens.subjects_to_renew(connection, rfc3339(clock.at), before, 10) == []
        assert {one.role for one in stamps.next_due(connection, before, 10)} == {"renewal"}


def test_smaller_checkpoint_gives_way_to_a_larger_one(
    archive: Archive, server: TimeServer, origin: Origin
) -> None:
    origin.page("/terms", page())
    first = minted(archive, origin.url("/terms"))
    published(archive)
    assert pending(archive).due == 2
    second = minted(archive, origin.url("/terms"))
    published(archive)
    assert pending(archive).due == 3, "two captures, and the newer checkpoint alone"
    stamp_all(archive, nothing)
    for record in (first, second):
        assert len(verify_record(archive, record).time.sources) == 2
