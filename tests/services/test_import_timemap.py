# SPDX-License-Identifier: Apache-2.0
"""TimeMaps of another archive: every memento once, whatever the other archive does meanwhile."""

import gzip
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.archives import audited, new_archive, page, rebuilt, settings_at, stored_keys, tables
from support.crashing import gather_and_die
from support.origin import Origin, Reply, response
from support.remote import MementoArchive, broken, cut_off, http_date, reset, too_many

from archive.bootstrap import open_archive
from archive.catalog.tables import cdx
from archive.digests import sha256_hex
from archive.errors import (
    AddressRefused,
    MalformedTimeMap,
    RemoteRefused,
    RemoteUnavailable,
)
from archive.importing.memento import MISSING, NOT_RAW, OTHER_TIME, OTHER_URL
from archive.jobs.base import WorkerStopping
from archive.model.claim import Status
from archive.net.surt import url_key
from archive.services.capturing.desk import Patience
from archive.services.context import Archive
from archive.services.imports import ask_remote, gather
from archive.services.imports.ask_remote import RemoteAsker
from archive.services.imports.file import ImportOptions
from archive.services.imports.gather import Gathered
from archive.services.imports.mint import Choice
from archive.services.imports.timemap import Mementos, import_timemap
from archive.services.verifying.verify import verify_record
from archive.settings import Settings
from archive.storage.layout import blob_key

URL = "https://site.example/terms"
OLD, NEW = page("Old words."), page("New words.")
FIRST, SECOND, THIRD = "20190101000000", "20200203040506", "20210101000000"
GIVEN = ImportOptions("other.example")


@pytest.fixture
def settings(tmp_path: Path, database_setting: dict[str, str]) -> Settings:
    return settings_at(
        tmp_path / "data",
        **database_setting,
        MUNIMENT_IMPORT_REQUESTS_PER_MINUTE="60000",
        MUNIMENT_CAPTURE_TIMEOUT_SECONDS="5",
        MUNIMENT_CAPTURE_BYTES_LIMIT="200000",
    )


@pytest.fixture
def archive(settings: Settings) -> Iterator[Archive]:
    opened = new_archive(settings)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails in passing is tried twice, not four times."""
    monkeypatch.setattr(ask_remote, "TRIES_LIMIT", 2)


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as started:
        yield started


@pytest.fixture
def other(origin: Origin) -> MementoArchive:
    made = MementoArchive(origin, URL)
    made.add(FIRST, OLD, ("X-Archive-Orig-Server", "old/1"), ("X-Archive-Orig-Date", "then"))
    made.add(SECOND, NEW)
    return made


def got(
    archive: Archive,
    url: str,
    options: ImportOptions = GIVEN,
    seconds: float = 5,
    **period: object,
) -> Gathered:
    patience = Patience(seconds, threading.Event())
    asked = Mementos(url, **period)  # type: ignore[arg-type]
    return import_timemap(archive, asked, options, lambda _done, _total: None, patience)


def rows(archive: Archive) -> list[sa.Row[tuple[object, ...]]]:
    with archive.database.reading() as connection:
        return list(connection.execute(sa.select(cdx).order_by(cdx.c.timestamp)))


def codes(done: Gathered) -> list[tuple[str, Status]]:
    return [(one.code, one.status) for one in done.findings]


@pytest.mark.both_databases
def test_each_memento_is_in_under_the_url_and_time_of_the_original(
    archive: Archive, other: MementoArchive
) -> None:
    done = got(archive, other.timemap())
    assert (done.wanted, done.known, done.taken, done.is_sound) == (2, 0, 2, True)
    found = rows(archive)
    assert [(row.timestamp, row.url, row.status) for row in found] == [
        (FIRST, URL, 200),
        (SECOND, URL, 200),
    ]
    assert [row.sha256 for row in found] == [sha256_hex(OLD), sha256_hex(NEW)]
    assert found[0].urlkey == url_key(URL)
    assert audited(archive).damages == []
    before = tables(archive)
    rebuilt(archive)
    assert tables(archive) == before


def test_the_answer_is_written_down_beside_what_it_says_of_the_original(
    archive: Archive, other: MementoArchive
) -> None:
    got(archive, other.timemap())
    row = rows(archive)[0]
    record = gzip.decompress(
        archive.store.get_range(blob_key(row.container_sha256), row.offset, row.length)
    )
    head, _, rest = record.partition(b"\r\n\r\n")
    block_head, _, body = rest.removesuffix(b"\r\n\r\n").partition(b"\r\n\r\n")
    assert f"WARC-Source-URI: {other.url(FIRST, 'id_')}".encode() in head
    assert block_head.split(b"\r\n") == [
        b"HTTP/1.1 200 OK",
        b"Server: old/1",
        b"Date: then",
        b"Content-Type: text/html; charset=utf-8",
    ]
    assert body == OLD
    whole = gzip.decompress(archive.store.get(blob_key(row.container_sha256)))
    notes = json.loads(whole.split(b'\r\n\r\n{"', 1)[1].join([b'{"', b""]).split(b"\r\n\r\n")[0])
    assert notes["listed"] == other.url(FIRST)
    assert "Memento-Datetime" in notes["answer_head"]
    assert notes["request"].startswith(f"GET {other.path(FIRST)} HTTP/1.1\r\n")


@pytest.mark.both_databases
def test_the_same_timemap_again_asks_for_nothing_that_is_in(
    archive: Archive, other: MementoArchive, settings: Settings
) -> None:
    got(archive, other.timemap())
    keys = stored_keys(settings)
    again = got(archive, other.timemap())
    assert (again.wanted, again.known, again.taken) == (2, 2, 0)
    assert other.asked(FIRST) == other.asked(SECOND) == 1
    assert stored_keys(settings) == keys
    other.add(THIRD, OLD)
    grown = got(archive, other.timemap())
    assert (grown.wanted, grown.known, grown.taken) == (3, 2, 1)
    assert other.asked(FIRST) == 1


def test_json_and_pages_list_the_same(archive: Archive, other: MementoArchive) -> None:
    assert got(archive, other.json_timemap()).taken == 2
    second = other.timemap("/timemap/2", other.links([SECOND]))
    first = other.timemap("/timemap/1", other.links([FIRST], pages=[second]))
    assert got(archive, first).taken == 2


def test_a_period_chooses(archive: Archive, other: MementoArchive) -> None:
    import datetime as dt

    year = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    assert [got(archive, other.timemap(), since=year).wanted] == [1]
    assert got(archive, other.timemap(), before=year).wanted == 1


@pytest.mark.both_databases
def test_a_cited_url_gets_an_id_for_each_memento(archive: Archive, other: MementoArchive) -> None:
    done = got(archive, other.timemap(), replace(GIVEN, choice=Choice((URL,))))
    assert [str(signed.look.capture_id)[:11] for signed in done.minting.minted] == [
        "CA-C-000000",
        "CA-C-000000",
    ]
    assert done.minting.urls_without == []
    for signed in done.minting.minted:
        assert signed.look.capture_id is not None
        assert verify_record(archive, signed.look.capture_id, "standard").result.exit_code == 0
    later = got(archive, other.timemap(), replace(GIVEN, choice=Choice((URL,))))
    assert (len(later.minting.minted), len(later.minting.kept)) == (0, 2)


def test_a_redirect_that_was_archived_is_a_memento(
    archive: Archive, other: MementoArchive, origin: Origin
) -> None:
    moved = ("Location", origin.url("/web/20210101000000id_/https://site.example/elsewhere"))
    other.add(THIRD, b"", moved, status="301 Moved Permanently")
    assert got(archive, other.timemap()).taken == 3
    assert rows(archive)[2].status == 301
    assert not [request for request in origin.requests if b"elsewhere" in request.split(b"\r\n")[0]]


@pytest.mark.parametrize(
    "status", ["404 Not Found", "429 Too Many Requests", "500 Error", "503 Service Unavailable"]
)
def test_a_failure_that_was_archived_is_a_memento(
    archive: Archive, other: MementoArchive, status: str
) -> None:
    other.add(THIRD, b"<p>later</p>", ("Retry-After", "3000"), status=status)
    done = got(archive, other.timemap(), replace(GIVEN, choice=Choice((URL,))))
    assert (done.taken, other.asked(THIRD)) == (3, 1)
    assert rows(archive)[2].status == int(status[:3])
    # It is in, and it is no capture of the document.
    assert len(done.minting.minted) == 2
    assert len(done.minting.refused) == 1


def test_a_redirect_to_the_memento_is_followed(
    archive: Archive, other: MementoArchive, origin: Origin
) -> None:
    whole = other.add(THIRD, NEW)
    moved = f"/moved{other.path(THIRD)}"
    origin.add(moved, whole)
    other.instead(THIRD, response(b"", status="302 Found", headers={"Location": moved}))
    assert got(archive, other.timemap()).is_sound


Wrong = Callable[[MementoArchive], bytes | Reply]


def _plain(other: MementoArchive) -> bytes:
    return response(b"<h1>Sorry</h1>")


def _other_time(other: MementoArchive) -> bytes:
    return response(OLD, headers={"Memento-Datetime": http_date("20210101000001")})


def _no_time(other: MementoArchive) -> bytes:
    return response(OLD, headers={"Memento-Datetime": "yesterday"})


def _other_url(other: MementoArchive) -> bytes:
    named = {"Memento-Datetime": http_date(THIRD), "Link": '<https://b.example/>; rel="original"'}
    return response(OLD, headers=named)


def _gone(other: MementoArchive) -> bytes:
    return response(b"gone", status="404 Not Found")


def _blocked(other: MementoArchive) -> bytes:
    return response(b"blocked by robots", status="403 Forbidden")


def _private(other: MementoArchive) -> bytes:
    location = {"Location": "http://10.0.0.1/"}
    return response(b"", status="302 Found", headers=location)


def _metadata_service(other: MementoArchive) -> bytes:
    location = {"Location": "http://169.254.169.254/latest/meta-data/"}
    return response(b"", status="302 Found", headers=location)


def _in_a_circle(other: MementoArchive) -> bytes:
    location = {"Location": other.url(THIRD, "id_")}
    return response(b"", status="302 Found", headers=location)


def _to_a_file(other: MementoArchive) -> bytes:
    return response(b"", status="302 Found", headers={"Location": "file:///etc/passwd"})


def _too_large(other: MementoArchive) -> bytes:
    return response(b"x" * 300_000, headers={"Memento-Datetime": http_date(THIRD)})


def _no_http(other: MementoArchive) -> bytes:
    return b"SSH-2.0-OpenSSH_9.2\r\n"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (_plain, MISSING),
        (_gone, MISSING),
        (_blocked, MISSING),
        (_no_time, MISSING),
        (_other_time, OTHER_TIME),
        (_other_url, OTHER_URL),
        (_private, "ADDRESS_REFUSED"),
        (_metadata_service, "ADDRESS_REFUSED"),
        (_to_a_file, "URL_MALFORMED"),
        (_in_a_circle, "REMOTE_REFUSED"),
        (_too_large, "MEMENTO_TOO_LARGE"),
        (_no_http, "REMOTE_REFUSED"),
    ],
)
def test_what_is_not_the_memento_is_told_and_not_taken(
    archive: Archive, other: MementoArchive, wrong: Wrong, code: str
) -> None:
    other.stamps.append(THIRD)
    other.answer(THIRD, wrong(other))
    done = got(archive, other.timemap())
    assert (done.taken, codes(done)) == (2, [(code, Status.FAIL)])
    assert done.findings[0].target == other.url(THIRD)
    assert len(rows(archive)) == 2
    assert not done.is_sound


def test_a_listed_private_address_is_never_asked(archive: Archive, origin: Origin) -> None:
    other = MementoArchive(origin, URL)
    other.add(FIRST, OLD)
    inside = (
        f'<http://192.168.0.1/web/{SECOND}/{URL}>; rel="memento"; datetime="{http_date(SECOND)}"'
    )
    done = got(archive, other.timemap(body=other.links() + b"," + inside.encode()))
    assert (done.taken, codes(done)) == (1, [("ADDRESS_REFUSED", Status.FAIL)])


def test_a_server_that_says_later_is_asked_later(archive: Archive, other: MementoArchive) -> None:
    other.instead(FIRST, too_many(1))
    other.instead(
        SECOND, response(b"", status="503 Service Unavailable", headers={"Retry-After": "1"})
    )
    begun = time.monotonic()
    assert got(archive, other.timemap()).is_sound
    assert time.monotonic() - begun > 1.5
    assert (other.asked(FIRST), other.asked(SECOND)) == (2, 2)


def test_what_is_held_is_kept_while_it_waits(
    archive: Archive, other: MementoArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask_remote, "_SLICE_SECONDS", 0.1)
    asker = RemoteAsker(archive, Patience(5, threading.Event()))
    kept: list[float] = []
    asker.while_waiting = lambda: kept.append(time.monotonic())
    other.instead(FIRST, too_many(1))
    assert asker.ask(other.url(FIRST, "id_")).body == OLD
    assert len(kept) >= 5


def test_more_patience_than_there_is_ends_the_run_and_keeps_what_came(
    archive: Archive, other: MementoArchive
) -> None:
    other.instead(SECOND, too_many(3_000))
    with pytest.raises(RemoteUnavailable) as raised:
        got(archive, other.timemap())
    assert raised.value.again_at is not None
    assert len(rows(archive)) == 1


def test_passing_trouble_is_tried_again(archive: Archive, other: MementoArchive) -> None:
    whole = other.add(THIRD, NEW)
    other.instead(FIRST, broken())
    other.instead(SECOND, reset())
    other.instead(THIRD, cut_off(whole))
    assert got(archive, other.timemap()).is_sound
    assert [other.asked(stamp) for stamp in (FIRST, SECOND, THIRD)] == [2, 2, 2]


def test_lasting_trouble_with_one_memento_is_told_as_unknown(
    archive: Archive, other: MementoArchive
) -> None:
    other.stamps.insert(0, THIRD)
    other.answer(THIRD, broken("500 Internal Server Error"))
    done = got(archive, other.timemap())
    assert (done.taken, codes(done)) == (2, [("REMOTE_UNAVAILABLE", Status.UNKNOWN)])
    whole = response(NEW, headers={"Memento-Datetime": http_date(THIRD)})
    other.answer(THIRD, whole)
    again = got(archive, other.timemap())
    assert (again.known, again.taken, again.is_sound) == (2, 1, True)


def test_a_silent_server_ends_the_run(
    archive: Archive, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask_remote, "TRIES_LIMIT", 1)
    other = MementoArchive(origin, URL)
    other.add(FIRST, OLD)
    dead = [f"2020010100000{number}" for number in range(5)]
    for stamp in dead:
        other.stamps.append(stamp)
        other.answer(stamp, reset())
    with pytest.raises(RemoteUnavailable):
        got(archive, other.timemap())
    assert [bool(other.asked(stamp)) for stamp in dead] == [True, True, True, False, False]
    assert len(rows(archive)) == 1


def test_a_server_that_only_ever_refuses_ends_the_run(
    archive: Archive, other: MementoArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask_remote, "STRIKES_LIMIT", 2)
    other.instead(SECOND, *[too_many(0)] * 50)
    other.add(THIRD, NEW)
    other.instead(THIRD, *[too_many(0)] * 50)
    last = "20220101000000"
    other.add(last, NEW)
    other.instead(last, *[too_many(0)] * 50)
    with pytest.raises(RemoteUnavailable, match="in a row"):
        got(archive, other.timemap())
    assert len(rows(archive)) == 1


def test_an_archive_of_unknown_form_is_asked_as_listed_and_that_is_told(
    archive: Archive, origin: Origin
) -> None:
    origin.page("/memento/1", OLD, headers={"Memento-Datetime": http_date(FIRST)})
    listed = (
        f'<{URL}>; rel="original", <{origin.url("/memento/1")}>; rel="memento"; '
        f'datetime="{http_date(FIRST)}"'
    )
    origin.page("/timemap", listed)
    done = got(archive, origin.url("/timemap"))
    assert (done.taken, codes(done)) == (1, [(NOT_RAW, Status.UNKNOWN)])
    assert got(archive, origin.url("/timemap")).known == 1


def test_raw_bytes_that_lead_to_the_replay_are_told_to_be_none(
    archive: Archive, origin: Origin
) -> None:
    other = MementoArchive(origin, URL)
    other.stamps.append(FIRST)
    origin.redirect(other.path(FIRST), other.url(FIRST))
    origin.page(
        other.path(FIRST, ""),
        b"<p>the other archive's banner</p>" + OLD,
        headers={"Memento-Datetime": http_date(FIRST)},
    )
    done = got(archive, other.timemap())
    assert (done.taken, codes(done)) == (1, [(NOT_RAW, Status.UNKNOWN)])


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (response(b"<!doctype html><html><title>Oops</title></html>"), MalformedTimeMap),
        (response(b"<html>"), MalformedTimeMap),
        (response(b'{"error": "rate"}'), MalformedTimeMap),
        (response(b""), MalformedTimeMap),
        (response(b'<https://a.example/>; rel="timegate"'), MalformedTimeMap),
        (response(b"no", status="404 Not Found"), RemoteRefused),
        (response(b"", status="302 Found", headers={"Location": "http://127.1.1.1.nip/"}), None),
        (
            response(b"", status="302 Found", headers={"Location": "http://10.1.1.1/"}),
            AddressRefused,
        ),
        (b"garbage\r\n\r\n", RemoteRefused),
    ],
)
def test_what_is_no_timemap_is_refused(
    archive: Archive, origin: Origin, answer: bytes, error: type[Exception] | None
) -> None:
    origin.add("/timemap", answer)
    with pytest.raises(error or RemoteUnavailable):
        got(archive, origin.url("/timemap"))
    assert rows(archive) == []


def test_a_private_timemap_is_refused(archive: Archive) -> None:
    with pytest.raises(AddressRefused):
        got(archive, "http://10.0.0.1/timemap")


def test_an_interrupt_keeps_what_came(archive: Archive, other: MementoArchive) -> None:
    event = threading.Event()
    patience = Patience(5, event)

    def stop(done: int, _total: int) -> None:
        if done == 1:
            event.set()

    with pytest.raises(WorkerStopping):
        import_timemap(archive, Mementos(other.timemap()), GIVEN, stop, patience)
    assert len(rows(archive)) == 1
    again = got(archive, other.timemap())
    assert (again.known, again.taken) == (1, 1)


def test_groups_are_durable_one_after_the_other(
    archive: Archive, other: MementoArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gather, "GROUP_ITEMS", 1)
    done = got(archive, other.timemap())
    assert len(done.containers) == 2
    assert len(tables(archive)["import_group"]) == 2


def test_a_file_is_one_group_whatever_its_size(origin: Origin, tmp_path: Path) -> None:
    """So that what was answered, and what is in, is told by one statement."""
    archive = new_archive(
        settings_at(tmp_path / "large", MUNIMENT_IMPORT_REQUESTS_PER_MINUTE="60000")
    )
    other = MementoArchive(origin, URL)
    sizes = {FIRST: 3 << 20, SECOND: 3 << 20, THIRD: 20 << 20, "20220101000000": 10}
    for stamp, size in sizes.items():
        other.add(stamp, os.urandom(size))
    try:
        done = got(archive, other.timemap())
        found = tables(archive)
        assert (done.taken, len(done.containers)) == (4, 3)
        assert len(found["import_group"]) == 3
        assert len(found["cdx"]) == 4
    finally:
        archive.close()


def test_killed_at_a_few_steps_every_memento_is_in_once(
    other: MementoArchive, tmp_path: Path
) -> None:
    url = other.timemap()

    def settings(name: str) -> Settings:
        made = settings_at(tmp_path / name, MUNIMENT_IMPORT_REQUESTS_PER_MINUTE="60000")
        new_archive(made).close()
        return made

    whole = gather_and_die(settings("counted"), url)
    assert whole.steps is not None
    for share in (0.2, 0.5, 0.75, 0.95):
        at = settings(f"at-{share}")
        crashed = gather_and_die(at, url, int(len(whole.steps) * share))
        assert crashed.exit_code == -signal.SIGKILL
        archive = open_archive(at)
        try:
            again = got(archive, url)
            assert again.is_sound
            assert again.known + again.taken == 2
            assert [row.timestamp for row in rows(archive)] == [FIRST, SECOND]
            assert audited(archive).damages == []
            before = tables(archive)
            rebuilt(archive)
            assert tables(archive) == before
        finally:
            archive.close()


def test_requests_are_spaced(origin: Origin, tmp_path: Path) -> None:
    settings = settings_at(tmp_path / "slow", MUNIMENT_IMPORT_REQUESTS_PER_MINUTE="200")
    other = MementoArchive(origin, URL)
    for stamp in (FIRST, SECOND, THIRD):
        other.add(stamp, OLD)
    archive = new_archive(settings)
    try:
        begun = time.monotonic()
        assert got(archive, other.timemap()).taken == 3
        assert time.monotonic() - begun >= 3 * 0.3
    finally:
        archive.close()
