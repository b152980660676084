# SPDX-License-Identifier: Apache-2.0
"""A request that is made again gets the record of its first run, never a second one."""

import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.archives import (
    audited,
    new_archive,
    page,
    rebuilt,
    settings_at,
    stored_keys,
    tables,
)
from support.crashing import ask_and_die, request_of
from support.origin import Origin, Wait, response

from archive.bootstrap import open_archive, wire
from archive.catalog import requests
from archive.catalog.tables import ops_request, ops_reservation
from archive.errors import RequestUnderWay, StorageUnavailable
from archive.jobs.base import TryLater
from archive.services.capturing.capture import Recorded, Refused, look_at, record_group
from archive.services.capturing.container import Looked
from archive.services.capturing.desk import Answer, CaptureDesk, Patience
from archive.services.capturing.fulfilment import record_of
from archive.services.context import Archive, signing_key
from archive.services.trust import trusted_keyset
from archive.settings import Settings
from archive.storage.memory import MemoryStore

DEEDS = ("before put", "after put", "sql commit", "sql returned", "os.link", "returned")
PATHS = ["/one", "/missing", "/two"]


@pytest.fixture
def site(origin: Origin) -> Origin:
    origin.page("/one", page("This one is the first."))
    origin.page("/two", page("This one is the second."))
    return origin


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[str], Settings]:
    whole = settings_at(tmp_path / "whole")
    new_archive(whole).close()

    def copy(name: str) -> Settings:
        folder = tmp_path / name
        shutil.copytree(whole.data, folder)
        return replace(whole, data=folder)

    return copy


def patience() -> Patience:
    return Patience(1.0, threading.Event())


def answers(archive: Archive, urls: list[str]) -> list[Answer]:
    """What each request gets now."""
    found = []
    with CaptureDesk(archive) as desk:
        for place, url in enumerate(urls):
            got = desk.capture(request_of(place), url, patience())
            assert isinstance(got, Answer), got
            found.append(got)
    return found


def open_rows(archive: Archive) -> list[str]:
    """The requests that have no record."""
    with archive.database.reading() as connection:
        wanted = sa.select(ops_request.c.request).where(ops_request.c.record.is_(None))
        return list(connection.execute(wanted).scalars())


def assert_once(settings: Settings, site: Origin, urls: list[str]) -> int:
    """Ask again for all of it: one record for each. Returns how many were there already."""
    archive = open_archive(settings)
    try:
        before = len(stored_keys(settings, "captures/")) // 2
        first = answers(archive, urls)
        asked = len(site.requests)
        again = answers(archive, urls)
        assert len(site.requests) == asked
        assert [item.record for item in again] == [item.record for item in first]
        ids = [item.record["id"] for item in first]
        assert ids[1] is None
        assert len({ids[0], ids[2]}) == 2
        listed = tables(archive)
        assert {row[1] for row in listed["capture"]} == {ids[0], ids[2]}
        assert len(listed["observation"]) == 1
        statements = [key for key in stored_keys(settings) if ".dsse.json" in key]
        assert len([key for key in statements if not key.startswith("trust/")]) == 3
        assert open_rows(archive) == []
        with archive.database.reading() as connection:
            left = connection.execute(
                sa.select(ops_reservation).where(ops_reservation.c.is_void == 0)
            )
            assert list(left) == []
        assert audited(archive).exit_code == 0
        return before
    finally:
        archive.close()


def assert_survives(
    fresh: Callable[[str], Settings], site: Origin, wanted: tuple[str, ...]
) -> None:
    urls = [site.url(path) for path in PATHS]
    whole = ask_and_die(fresh("unharmed"), urls)
    assert whole.exit_code == 0
    assert whole.steps is not None
    seen = set()
    for last, name in enumerate(whole.steps):
        if not name.startswith(wanted):
            continue
        settings = fresh(f"killed-{last}")
        crashed = ask_and_die(settings, urls, last)
        assert crashed.has_died_at(last), name
        seen.add(assert_once(settings, site, urls))
        shutil.rmtree(settings.data)
    assert {0, 2} <= seen


def test_kill_9_between_the_deeds_of_a_group_gives_each_request_one_record(
    fresh: Callable[[str], Settings], site: Origin
) -> None:
    assert_survives(fresh, site, DEEDS)


@pytest.mark.slow
def test_kill_9_at_every_step_of_a_group_gives_each_request_one_record(
    fresh: Callable[[str], Settings], site: Origin
) -> None:
    assert_survives(fresh, site, ("",))


def looked(archive: Archive, url: str, request: str) -> Looked:
    look = look_at(archive, url, request)
    assert isinstance(look, Looked)
    return look


def test_of_two_looks_for_one_request_the_second_leaves_nothing(
    archive: Archive, site: Origin
) -> None:
    key = signing_key(archive, trusted_keyset(archive))
    group = [looked(archive, site.url("/one"), "a.0"), looked(archive, site.url("/two"), "b.0")]
    first = record_group(archive, key, group)
    assert all(isinstance(item, Recorded) for item in first)
    before = tables(archive)
    second, third = record_group(
        archive,
        key,
        [looked(archive, site.url("/one"), "a.0"), looked(archive, site.url("/missing"), "b.0")],
    )
    assert isinstance(second, Refused)
    assert isinstance(third, Refused)
    assert isinstance(second.error, RequestUnderWay)
    assert tables(archive) == before
    with archive.database.reading() as connection:
        assert list(connection.execute(sa.select(ops_reservation))) == []


def test_a_request_that_a_living_process_works_on_is_waited_for(
    archive: Archive, site: Origin, settings: Settings
) -> None:
    begun, go = threading.Event(), threading.Event()

    class SlowStore(MemoryStore):
        def put_many(self, objects: object) -> None:
            begun.set()
            assert go.wait(10)
            archive.store.put_many(objects)  # type: ignore[arg-type]

        def get(self, key: str) -> bytes:
            return archive.store.get(key)

    slow = replace(archive, store=SlowStore())
    key = signing_key(archive, trusted_keyset(archive))
    look = looked(archive, site.url("/one"), f"{request_of(0)}.0")
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.extend(record_group(slow, key, [look])))
    thread.start()
    assert begun.wait(10)
    other = open_archive(settings)
    with pytest.raises(RequestUnderWay):
        record_of(other, f"{request_of(0)}.0")
    with CaptureDesk(other) as desk, pytest.raises(TryLater):
        desk.capture(request_of(0), site.url("/one"), patience())
    go.set()
    thread.join()
    [found] = answers(other, [site.url("/one")])
    assert isinstance(results[0], Recorded)
    assert found.record["id"] == str(results[0].signed.look.capture_id)
    other.close()


class FailingStore:
    """A store that cannot be reached from the n-th put on."""

    def __init__(self, archive: Archive, puts: int) -> None:
        self._store = archive.store
        self._left = puts

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def put_many(self, objects: object) -> None:
        self._left -= 1
        if self._left < 0:
            raise StorageUnavailable("the store is away")
        self._store.put_many(objects)  # type: ignore[arg-type]


@pytest.mark.parametrize("puts", [0, 1])
def test_what_failed_for_want_of_the_store_is_tried_again_by_the_same_process(
    archive: Archive, site: Origin, puts: int
) -> None:
    url = site.url("/one")
    failing = replace(archive, store=FailingStore(archive, puts))  # type: ignore[arg-type]
    with CaptureDesk(failing) as desk, pytest.raises(StorageUnavailable):
        desk.capture(request_of(0), url, patience())
    [got] = answers(archive, [url])
    assert got.record["id"] is not None
    assert open_rows(archive) == []
    assert len(tables(archive)["capture"]) == 1


def test_a_rebuild_keeps_what_requests_got(archive: Archive, site: Origin) -> None:
    urls = [site.url(path) for path in PATHS]
    first = answers(archive, urls)
    before = tables(archive)
    rebuilt(archive)
    assert tables(archive) == before
    asked = len(site.requests)
    assert [item.record for item in answers(archive, urls)] == [item.record for item in first]
    assert len(site.requests) == asked


def test_a_rebuild_settles_what_a_dead_process_left(
    fresh: Callable[[str], Settings], site: Origin
) -> None:
    urls = [site.url(path) for path in PATHS]
    whole = ask_and_die(fresh("unharmed"), urls)
    assert whole.steps is not None
    # Behind the last put the envelopes are stored, and the rows are not.
    last = max(place for place, name in enumerate(whole.steps) if name == "after put_many")
    settings = fresh("rebuilt")
    ask_and_die(settings, urls, last + 1)
    archive = wire(settings)
    assert len(open_rows(archive)) == 3
    rebuilt(archive)
    assert open_rows(archive) == []
    archive.close()
    assert assert_once(settings, site, urls) == 2


def test_what_a_forgotten_job_asked_for_is_forgotten_and_its_records_stay(
    archive: Archive, site: Origin
) -> None:
    urls = [site.url("/one"), site.url("/one")]
    answers(archive, urls)
    before = tables(archive)
    with archive.database.writing() as connection:
        requests.forget_under(connection, "jo/")
        requests.forget_under(connection, "job/1.")
    assert record_of(archive, "job/0.0") is not None
    assert record_of(archive, "job/1.0") is None
    with archive.database.writing() as connection:
        requests.forget_under(connection, "job/")
    assert record_of(archive, "job/0.0") is None
    assert tables(archive) == before


def test_many_threads_at_a_desk_share_groups_and_get_their_own_records(
    archive: Archive, origin: Origin
) -> None:
    count = 40
    for number in range(count):
        origin.add(f"/{number}", Wait(0.02), response_of(number), keep_alive=True)
    found: dict[int, Answer] = {}
    with CaptureDesk(archive) as desk:

        def ask(number: int) -> None:
            got = desk.capture(f"many/{number}", origin.url(f"/{number}"), patience())
            assert isinstance(got, Answer)
            found[number] = got

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len({answer.record["id"] for answer in found.values()}) == count
    for number, answer in found.items():
        assert answer.record["url"] == origin.url(f"/{number}")
    assert audited(archive).exit_code == 0


def response_of(number: int) -> bytes:
    return response(page(f"This is page number {number}."))
