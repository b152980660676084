# SPDX-License-Identifier: Apache-2.0
"""A process that lives and failed gives back what it held, as soon as the catalogue is there."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.archives import minted, new_archive, page, settings_at, tables
from support.origin import Origin
from support.postgres import Cluster, debian_cluster, running

from archive.catalog.tables import ops_custody, ops_idempotency, ops_request, ops_reservation
from archive.errors import CatalogUnavailable, RequestUnderWay
from archive.services.access.idempotency import Begun, KeptAnswer, begin, finish, give_up
from archive.services.capturing.capture import look_at, record_group
from archive.services.capturing.container import Looked
from archive.services.capturing.fulfilment import record_of
from archive.services.context import Archive, signing_key
from archive.services.custody import note_key_use, sign_waiting
from archive.services.trust import trusted_keyset
from archive.storage.base import Store

ANSWER = KeptAnswer(201, "[]", b"{}")


@pytest.fixture(scope="module")
def cluster(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """A server of this module's own, to stop and to start."""
    yield from running(pytestconfig, debian_cluster())


@pytest.fixture
def archive(cluster: Cluster, tmp_path: Path) -> Iterator[Archive]:
    url = cluster.new_database()
    opened = new_archive(settings_at(tmp_path / "data", MUNIMENT_DATABASE_URL=url))
    yield opened
    opened.close()


class Stopping:
    """A store during whose n-th group the database's server dies."""

    def __init__(self, store: Store, cluster: Cluster, before: int) -> None:
        self._store = store
        self._cluster = cluster
        self._left = before

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def put_many(self, objects: list[tuple[str, bytes]]) -> None:
        self._left -= 1
        if self._left == 0:
            self._cluster.kill()
        self._store.put_many(objects)


def looked(archive: Archive, url: str, request: str) -> Looked:
    found = look_at(archive, url, request)
    assert isinstance(found, Looked)
    return found


def rows_of(archive: Archive, table: sa.Table) -> list[tuple[object, ...]]:
    with archive.database.reading() as connection:
        return [tuple(row) for row in connection.execute(sa.select(table))]


@pytest.mark.parametrize(("group", "is_signed"), [(1, False), (2, True)])
def test_a_request_whose_catalogue_went_away_is_not_held_by_a_process_that_lives(
    archive: Archive,
    cluster: Cluster,
    origin: Origin,
    monkeypatch: pytest.MonkeyPatch,
    *,
    group: int,
    is_signed: bool,
) -> None:
    monkeypatch.setattr("archive.catalog.database._INSISTING_SECONDS", 0)
    origin.page("/terms", page())
    key = signing_key(archive, trusted_keyset(archive))
    stopping = replace(archive, store=Stopping(archive.store, cluster, group))  # type: ignore[arg-type]
    with pytest.raises(CatalogUnavailable):
        record_group(stopping, key, [looked(archive, origin.url("/terms"), "job.0")])
    with pytest.raises(CatalogUnavailable):
        record_of(archive, "job.0")
    cluster.start()
    # The same request in this same process: its first run is settled by what the store has.
    expected = "CA-C-0000001-39" if is_signed else None
    assert record_of(archive, "job.0") == expected
    assert len(tables(archive)["capture"]) == int(is_signed)
    open_ones = [row for row in rows_of(archive, ops_reservation) if not row[-1]]
    assert open_ones == []
    assert len(rows_of(archive, ops_request)) == int(is_signed)
    assert minted(archive, origin.url("/terms")).number == 2


def test_while_it_works_it_holds_its_request(
    archive: Archive, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.page("/terms", page())
    key = signing_key(archive, trusted_keyset(archive))
    found: list[str] = []

    class Asking:
        def __getattr__(self, name: str) -> object:
            return getattr(archive.store, name)

        def put_many(self, objects: list[tuple[str, bytes]]) -> None:
            with pytest.raises(RequestUnderWay):
                record_of(archive, "job.0")
            found.append("asked")
            archive.store.put_many(objects)

    asking = replace(archive, store=Asking())  # type: ignore[arg-type]
    record_group(asking, key, [looked(archive, origin.url("/terms"), "job.0")])
    assert found == ["asked", "asked"]
    assert record_of(archive, "job.0") == "CA-C-0000001-39"


@pytest.mark.parametrize("did_nothing", [True, False])
def test_a_request_that_ended_while_the_catalogue_was_away_is_not_under_way_for_ever(
    archive: Archive, cluster: Cluster, *, did_nothing: bool
) -> None:
    begun = begin(archive, "a key", "a" * 64)
    assert isinstance(begun, Begun)
    cluster.kill()
    give_up(archive, begun, did_nothing=did_nothing)
    with pytest.raises(CatalogUnavailable):
        begin(archive, "a key", "a" * 64)
    cluster.start()
    again = begin(archive, "a key", "a" * 64)
    assert isinstance(again, Begun)
    assert (again.since is None) == did_nothing


def test_an_answer_is_kept_once_the_catalogue_is_back(archive: Archive, cluster: Cluster) -> None:
    begun = begin(archive, "a key", "a" * 64)
    assert isinstance(begun, Begun)
    cluster.kill()
    finish(archive, begun, ANSWER)
    cluster.start()
    assert begin(archive, "a key", "a" * 64) == ANSWER
    assert len(rows_of(archive, ops_idempotency)) == 1


def test_custody_events_that_could_not_be_signed_are_signed_by_the_same_process(
    archive: Archive, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archive.catalog.database._INSISTING_SECONDS", 0)
    note_key_use(archive, signing_key(archive, trusted_keyset(archive)))
    stopping = replace(archive, store=Stopping(archive.store, cluster, 2))  # type: ignore[arg-type]
    with pytest.raises(CatalogUnavailable):
        sign_waiting(stopping)
    cluster.start()
    assert sign_waiting(archive) == 1
    assert len(tables(archive)["custody_event"]) == 1
    [row] = rows_of(archive, ops_custody)
    assert row[-1] is not None


def test_what_the_catalogue_refuses_is_told_and_does_not_hold_up_the_rest(
    archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []

    def refused(connection: sa.Connection) -> None:
        connection.execute(sa.text("insert into no_such_table values (1)"))

    archive.owed.give_back(archive.database, refused)
    assert "cannot be given back" in caplog.text
    caplog.clear()
    archive.owed.give_back(archive.database, lambda _connection: done.append("once"))
    archive.owed.settle(archive.database)
    assert done == ["once"]
    assert caplog.text == ""
