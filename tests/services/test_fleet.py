# SPDX-License-Identifier: Apache-2.0
"""Many processes and machines on one catalogue: each reservation is settled once, by anyone."""

import multiprocessing
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.apart import LATER, init_apart, recover_apart
from support.archives import audited, minted, page, published, rebuilt, stored_keys, tables
from support.origin import Origin
from support.postgres import Server
from support.warcs import packed, site, write

from archive.bootstrap import Stand, init_archive, open_archive
from archive.catalog import sequence
from archive.catalog.tables import ops_api_key, ops_reservation
from archive.clock import FixedClock, SystemClock, rfc3339
from archive.errors import CatalogError, StorageError
from archive.ids import Kind, RecordId
from archive.model.custody import CustodyEvent
from archive.services.acts.attest import attest
from archive.services.acts.correct import CorrectionWanted, correct
from archive.services.acts.restrict import Wanted, restrict
from archive.services.capturing.capture import capture, capture_many
from archive.services.context import Archive, signing_key
from archive.services.custody import sign_waiting
from archive.services.imports.file import ImportOptions, import_file
from archive.services.imports.mint import Choice
from archive.services.recovery.recover import recover
from archive.services.statements.assertion import Assertion, state
from archive.services.trust import trusted_keyset
from archive.services.verifying.verify import verify_record
from archive.settings import DatabaseSettings, Settings
from archive.storage.base import Store
from archive.storage.layout import STATEMENTS, read_key

pytestmark = pytest.mark.both_databases

CAPTURE = Kind.CAPTURE.value
ELSEWHERE = "another-machine/boot/pid 7 1"
FIRST = RecordId("CA", Kind.CAPTURE, 1)
EVENT = CustodyEvent("export", "2026-11-27T10:00:00.000000Z", "somebody", (FIRST,), "")
EXPORT = Assertion("custody", EVENT.to_json())


def reserve(archive: Archive, owner: str, count: int = 1) -> list[int]:
    with archive.database.writing() as connection:
        at = rfc3339(archive.clock.now())
        return sequence.reserve(connection, CAPTURE, count, owner, at)


def voids(archive: Archive) -> list[int]:
    with archive.database.reading() as connection:
        wanted = sa.select(ops_reservation.c.number).where(ops_reservation.c.is_void == 1)
        return sorted(connection.execute(wanted).scalars())


@dataclass
class Meddling:
    """A store that does something before the n-th group is written."""

    store: Store
    deed: Callable[[], object]
    before: int
    groups: int = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)

    def put_many(self, objects: Sequence[tuple[str, bytes]]) -> None:
        if self.groups == self.before:
            self.deed()
        self.groups += 1
        self.store.put_many(objects)


def later(archive: Archive) -> Archive:
    """The same archive on another machine, when every lease has run out."""
    return replace(archive, clock=FixedClock(SystemClock().now() + LATER))


def mislaid(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on this process is one of another machine."""
    monkeypatch.setattr("archive.services.capturing.recording.this_process", lambda: ELSEWHERE)
    monkeypatch.setattr("archive.services.capturing.recording.this_process", lambda: ELSEWHERE)
    monkeypatch.setattr("archive.services.statements.assertion.this_process", lambda: ELSEWHERE)


def test_ten_that_init_at_once_make_one_archive(settings: Settings) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["archive.bootstrap", "psycopg"])
    with ProcessPoolExecutor(10, mp_context=context) as pool:
        made = list(pool.map(init_apart, [settings] * 10))
    assert len({roots for roots, _, _ in made}) == 1
    assert sum(is_new for _, is_new, _ in made) == 1
    assert len([key for _, _, key in made if key is not None]) == 1
    archive = open_archive(settings)
    with archive.database.reading() as connection:
        assert len(connection.execute(sa.select(ops_api_key)).all()) == 1
    assert len(tables(archive)["keyset"]) == 1
    assert trusted_keyset(archive).version == 1
    archive.close()


def test_a_worker_that_died_elsewhere_is_settled_when_its_lease_is_over(
    archive: Archive, settings: Settings
) -> None:
    reserve(archive, ELSEWHERE, 2)
    again = open_archive(settings)
    assert voids(again) == []
    again.close()
    # A process that goes on serving does so now and then; one that starts does so at once.
    assert recover(later(archive)).voided == ("CA-C-0000001-39", "CA-C-0000002-36")
    assert voids(archive) == [1, 2]
    reserve(archive, ELSEWHERE)
    clock = FixedClock(SystemClock().now() + LATER)
    open_archive(settings, Stand(clock)).close()
    assert voids(archive) == [1, 2, 3]


def test_recovery_beside_captures_leaves_the_living_alone(archive: Archive, origin: Origin) -> None:
    for number in range(12):
        origin.page(f"/{number}", page(f"Page {number}."))
    urls = [origin.url(f"/{number}") for number in range(12)]
    reserve(archive, ELSEWHERE, 3)
    with ThreadPoolExecutor(2) as pool:
        captures = pool.submit(lambda: list(capture_many(archive, urls, group_size=2)))
        settled = [recover(later(archive)).voided for _ in range(5)]
        assert len(captures.result()) == 12
    assert sum(len(item) for item in settled) == 3
    assert len(tables(archive)["capture"]) == 12
    assert voids(archive) == [1, 2, 3]


def test_many_that_recover_at_once_settle_each_number_once(
    archive: Archive, settings: Settings, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.page("/terms", page())
    mislaid(archive, monkeypatch)
    with monkeypatch.context() as dying:
        dying.setattr("archive.services.capturing.recording._write_rows", lambda *_: None)
        for _ in range(3):
            capture(archive, origin.url("/terms"))
    reserve(archive, ELSEWHERE, 3)
    assert tables(archive)["capture"] == []
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["archive.bootstrap", "psycopg"])
    with ProcessPoolExecutor(4, mp_context=context) as pool:
        found = [item for answer in pool.map(recover_apart, [settings] * 8) for item in answer]
    expected = [str(RecordId("CA", Kind.CAPTURE, number)) for number in range(1, 7)]
    assert sorted(found) == expected
    assert len(tables(archive)["capture"]) == 3
    assert voids(archive) == [4, 5, 6]
    before = tables(archive)
    rebuilt(archive)
    assert tables(archive) == before


def test_a_slow_owner_that_was_taken_for_dead_signs_nothing(
    archive: Archive, settings: Settings, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.page("/terms", page())
    mislaid(archive, monkeypatch)
    store = Meddling(archive.store, lambda: recover(later(archive)), before=0)
    with pytest.raises(StorageError, match="try again"):
        capture(replace(archive, store=store), origin.url("/terms"))  # type: ignore[arg-type]
    assert tables(archive)["capture"] == []
    assert not [key for key in stored_keys(settings, "captures/") if "statement" in key]
    assert voids(archive) == [1]
    assert minted(archive, origin.url("/terms")).number == 2


def test_a_slower_owner_writes_no_row_and_what_it_signed_is_told_by_the_audit(
    archive: Archive, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.page("/terms", page())
    mislaid(archive, monkeypatch)
    # Its statement is on the way already when it is taken for dead.
    store = Meddling(archive.store, lambda: recover(later(archive)), before=1)
    with pytest.raises(CatalogError, match="not reserved any more"):
        capture(replace(archive, store=store), origin.url("/terms"))  # type: ignore[arg-type]
    assert tables(archive)["capture"] == []
    assert voids(archive) == [1]
    assert "NOT_CATALOGUED" in {damage.code for damage in audited(archive).damages}
    # What is signed and stored is the truth; the number was given to nobody else.
    assert rebuilt(archive).captures == 1
    published(archive)
    assert voids(archive) == []
    assert verify_record(archive, FIRST).result.exit_code == 0
    assert minted(archive, origin.url("/terms")).number == 2


def test_statements_of_an_owner_that_was_taken_for_dead_are_not_stored(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    mislaid(archive, monkeypatch)
    key = signing_key(archive, trusted_keyset(archive))
    store = Meddling(archive.store, lambda: recover(later(archive)), before=0)
    slow = replace(archive, store=store)  # type: ignore[arg-type]
    with pytest.raises(StorageError, match="try again"):
        state(slow, key, [EXPORT])
    roles = {read_key(item.key).role for item in archive.store.list(STATEMENTS)}
    assert "assertion" not in roles
    assert tables(archive)["statement"] == []


def test_a_rebuild_and_captures_at_the_same_time_lose_nothing(
    archive: Archive, settings: Settings, origin: Origin
) -> None:
    count = 24
    for number in range(count):
        origin.page(f"/{number}", page(f"Page {number}."))
    urls = [origin.url(f"/{number}") for number in range(count)]
    with ThreadPoolExecutor(3) as pool:
        halves = [urls[::2], urls[1::2]]
        working = [pool.submit(capture_all, archive, half) for half in halves]
        for _ in range(3):
            rebuilt(archive)
        numbers = [number for item in working for number in item.result()]
    assert sorted(numbers) == list(range(1, count + 1))
    published(archive)
    before = tables(archive)
    assert len(before["capture"]) == count
    rebuilt(archive)
    assert tables(archive) == before
    assert voids(archive) == []


def capture_all(archive: Archive, urls: Sequence[str]) -> list[int]:
    """The numbers of captures in groups of a few, at the pace of a scheduler."""
    numbers = []
    for result in capture_many(archive, urls, group_size=random.Random(len(urls)).randint(2, 5)):
        capture_id = result.signed.look.capture_id  # type: ignore[union-attr]
        numbers.append(capture_id.number if capture_id else 0)
    return numbers


def test_one_store_gives_the_same_rows_on_every_database(
    archive: Archive, settings: Settings, origin: Origin, postgres: Server, tmp_path: Path
) -> None:
    origin.page("/terms", page("Größe – 利用規約 \U0001f4dc.", title="Ä\u202e 利用規約"))
    origin.page("/gone", page("No."), status="404 Not Found")
    for path in ("/terms", "/terms", "/gone"):
        capture(archive, origin.url(path))
    state(
        archive,
        signing_key(archive, trusted_keyset(archive)),
        [EXPORT],
    )
    restrict(archive, FIRST, Wanted(None, "hidden", "unter Verschluß – 利用規約"), "operator")
    correct(archive, FIRST, CorrectionWanted("it was another court"), "operator")
    attest(archive, FIRST, "standard", "operator")
    sign_waiting(archive)
    file = write(tmp_path / "given.warc.gz", packed(*site(3)))
    options = ImportOptions("Somebody Else", choice=Choice(all_pages=True))
    import_file(archive, file, options, lambda _done, _total: None)
    published(archive)
    given = tables(archive)
    other_url = (
        f"sqlite:///{tmp_path}/other.sqlite" if settings.database.url else postgres.new_database()
    )
    other, _ = init_archive(replace(settings, database=DatabaseSettings(other_url)))
    assert rebuilt(other).is_complete
    assert tables(other) == given
    other.close()
    # What a redaction and a token leave is compared so in tests of their own.
    assert [name for name, found in given.items() if not found] == ["replacement", "time_token"]
