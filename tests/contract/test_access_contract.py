# SPDX-License-Identifier: Apache-2.0
"""What the catalogue keeps of restrictions, grants, custody and requests, on every database."""

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

import pytest
import sqlalchemy as sa
from support.reserving import NOW
from support.rows import FIRST, digest, rows

from archive.catalog import access, custody, evidence, idempotency, operational, requests, sequence
from archive.catalog.access import EVERY_RECORD, ApiKey
from archive.catalog.custody import Queued
from archive.catalog.database import Database
from archive.catalog.hot import HotReader
from archive.catalog.idempotency import KeptRequest
from archive.catalog.requests import Claim
from archive.catalog.restrictions import RestrictionRow, Viewer, put_restriction, restriction_of
from archive.catalog.tables import metadata, ops_custody, ops_request
from archive.errors import CatalogError, RequestUnderWay

LATER = "2030-01-01T00:00:00.000000Z"
HIDDEN = RestrictionRow(FIRST, 1, 1, LATER, "hidden", "under seal", NOW, digest("1"))
LIFTED = RestrictionRow(FIRST, 2, 0, None, None, "seal broken", NOW, digest("2"))
KEPT = KeptRequest(digest("t"), digest("r"), "somebody", NOW, LATER)

_T = TypeVar("_T")


def at_once(count: int, deed: Callable[[int], _T]) -> list[_T]:
    """What the deed gives to threads that begin together."""
    together = threading.Barrier(count)

    def begin(number: int) -> _T:
        together.wait()
        return deed(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


def add_record(database: Database) -> None:
    with database.appending() as connection:
        evidence.add_captures(connection, [rows(1)])


# Restrictions and grants


def test_the_hot_read_tells_the_latest_restriction(database: Database) -> None:
    add_record(database)
    hot = HotReader(database)
    data = (b'{"id":1}', f"{1:064x}")
    assert hot.record(FIRST) == (*data, None, None, 0)
    with database.writing() as connection:
        put_restriction(connection, replace(HIDDEN, record_id="CA-C-0000002-36"))
    assert hot.record(FIRST) == (*data, None, None, 0)
    for row, told in (
        (HIDDEN, ("hidden", LATER)),
        (LIFTED, (None, None)),
        (replace(HIDDEN, number=3, metadata_policy="public", until=None), ("public", None)),
    ):
        with database.writing() as connection:
            put_restriction(connection, row)
        assert hot.record(FIRST) == (*data, *told, 0)
    hot.close()


def test_a_records_restriction_does_not_depend_on_the_order_of_reading(database: Database) -> None:
    stricter = replace(LIFTED, is_restricted=1, metadata_policy="public")
    said = [HIDDEN, LIFTED, stricter, replace(stricter, until=LATER)]
    for place, order in enumerate(itertools.permutations(said)):
        name = f"CA-C-{place:07}-00"
        with database.writing() as connection:
            for row in order:
                put_restriction(connection, replace(row, record_id=name))
            assert restriction_of(connection, name) == replace(stricter, record_id=name)


def test_hidden_records_are_found_by_whom_they_were_granted_to(database: Database) -> None:
    add_record(database)
    with database.writing() as connection:
        put_restriction(connection, HIDDEN)
        for key_id in ("k1", "k2", "k3"):
            access.add_api_key(connection, ApiKey(key_id, frozenset({"read"}), created_at=NOW), "s")
        access.add_grant(connection, "k1", FIRST, NOW)
        access.add_grant(connection, "k2", EVERY_RECORD, NOW)

    def found(viewer: Viewer | None) -> bool:
        with database.reading() as connection:
            by_part = evidence.parts_with_sha256(connection, f"{1:064x}", 5, viewer)
            by_object = evidence.capture_with_object(connection, f"{1:064x}", viewer)
        assert bool(by_part) == bool(by_object)
        return bool(by_part)

    assert found(None)
    assert [found(Viewer(key_id, NOW)) for key_id in (None, "k1", "k2", "k3")] == [
        False,
        True,
        True,
        False,
    ]
    assert found(Viewer(None, LATER))


def test_a_key_is_granted_a_record_once_by_many_at_once(database: Database) -> None:
    with database.writing() as connection:
        access.add_api_key(connection, ApiKey("k1", frozenset({"read"}), created_at=NOW), "s")

    def grant(_number: int) -> bool:
        with database.appending() as connection:
            return access.add_grant(connection, "k1", FIRST, NOW)

    assert sorted(at_once(6, grant)) == [False] * 5 + [True]
    with pytest.raises(CatalogError), database.writing() as connection:
        access.add_grant(connection, "nobody", FIRST, NOW)
    with database.writing() as connection:
        assert access.remove_grant(connection, "k1", FIRST)
        assert not access.remove_grant(connection, "k1", FIRST)


def test_the_use_of_a_key_is_noted_by_many_at_once(database: Database) -> None:
    with database.writing() as connection:
        access.add_api_key(connection, ApiKey("k1", frozenset({"read"}), created_at=NOW), "s")

    def use(number: int) -> None:
        with database.appending() as connection:
            access.mark_used(connection, "k1", f"2026-03-06T20:00:0{number}.000000Z", NOW)

    at_once(6, use)
    with database.reading() as connection:
        [key] = access.every_api_key(connection)
    assert key.last_used_at is not None
    assert key.last_used_at.startswith("2026-03-06T20:00:0")


# Custody


def test_an_event_is_queued_and_claimed_once_by_many_at_once(database: Database) -> None:
    events = [Queued(digest(name), name.encode(), NOW) for name in "abc"]

    def queue(_number: int) -> list[bool]:
        with database.appending() as connection:
            return [custody.queue_event(connection, event) for event in events]

    assert sum(sum(answer) for answer in at_once(5, queue)) == len(events)

    def claim(number: int) -> int:
        with database.writing() as connection:
            waiting = custody.waiting_events(connection)
            free = [item for item in waiting if item.owner is None]
            return sum(custody.claim(connection, item, f"owner {number}", NOW) for item in free)

    assert sorted(at_once(4, claim)) == [0, 0, 0, len(events)]
    with database.writing() as connection:
        custody.mark_signed(connection, {digest("a"): digest("5")})
        assert custody.count_waiting(connection) == 2
        [owner] = {item.owner for item in custody.waiting_events(connection)}
        assert owner is not None
        custody.release(connection, "somebody else", NOW)
        custody.release(connection, owner, LATER)
        assert {item.owner for item in custody.waiting_events(connection)} == {owner}
        custody.release(connection, owner, NOW)
        assert {item.owner for item in custody.waiting_events(connection)} == {None}
        custody.drop_signed(connection, LATER)
        left = connection.execute(sa.select(ops_custody.c.group_sha256)).scalars()
        assert sorted(left) == [digest("b"), digest("c")]


# Requests


def test_one_of_many_begins_a_request_and_one_takes_it_over(database: Database) -> None:
    def begin(number: int) -> KeptRequest | None:
        with database.appending() as connection:
            idempotency.forget_ended(connection, NOW)
            return idempotency.begin_request(connection, replace(KEPT, owner=str(number)))

    answers = at_once(6, begin)
    assert answers.count(None) == 1
    [first] = {answer for answer in answers if answer is not None}

    def take_over(number: int) -> bool:
        with database.appending() as connection:
            return idempotency.take_over(connection, first, f"next {number}")

    assert sorted(at_once(6, take_over)) == [False] * 5 + [True]
    with database.appending() as connection:
        idempotency.keep_answer(connection, first.token, 201, "[]", bytes(range(256)))
        kept = idempotency.kept_request(connection, first.token)
        assert kept is not None
        assert (kept.status, kept.body) == (201, bytes(range(256)))
        idempotency.forget_ended(connection, LATER)
        assert idempotency.kept_request(connection, first.token) is None


def test_a_request_is_claimed_by_one_of_many(database: Database) -> None:
    names = [f"job/{number}.0" for number in range(5)]

    def claim(turn: int) -> bool:
        order = names[turn:] + names[:turn]
        claims = [Claim(name, "C", 100 * turn + place) for place, name in enumerate(order)]
        try:
            with database.appending() as connection:
                sequence.reserve(connection, "C", len(names), "somebody", NOW)
                requests.claim(connection, claims)
        except RequestUnderWay:
            return False
        return True

    assert sorted(at_once(5, claim)) == [False] * 4 + [True]
    with database.reading() as connection:
        assert requests.taken(connection, [*names, "another"]) == set(names)
        # Who lost has reserved nothing.
        assert len(sequence.open_reservations(connection)) == len(names)


def test_requests_are_settled_by_what_is_listed(database: Database) -> None:
    with database.appending() as connection:
        evidence.add_captures(connection, [rows(1)])
        claims = [Claim("run/a", "C", 1), Claim("run/b", "C", 2), Claim("other/c", "C", 3)]
        requests.claim(connection, claims)
    with database.writing() as connection:
        requests.settle(connection, "C", [1, 2])
        assert requests.claim_of(connection, "run/a") == Claim("run/a", "C", 1, None, FIRST)
        assert requests.claim_of(connection, "run/b") is None
        requests.forget_under(connection, "run/")
        left = connection.execute(sa.select(ops_request.c.request)).scalars().all()
        assert left == ["other/c"]


# Backups


def test_operational_rows_are_read_at_one_moment_and_come_back(
    database: Database, another: Database
) -> None:
    key = ApiKey("k1", frozenset({"read"}), note="Notiz – é", created_at=NOW)
    with database.writing() as connection:
        access.add_api_key(connection, key, "s")
        access.add_grant(connection, "k1", FIRST, NOW)
        custody.queue_event(connection, Queued(digest("a"), bytes(range(256)), NOW))
        sequence.reserve(connection, "C", 3, "somebody", NOW)
    with operational.snapshot(database) as reading:
        kept = list(operational.every_row(reading))
        with database.writing() as connection:
            access.remove_grant(connection, "k1", FIRST)
        assert list(operational.every_row(reading)) == kept
    assert {table for table, _ in kept} == {
        "id_sequence",
        "ops_api_key",
        "ops_custody",
        "ops_grant",
        "ops_reservation",
    }
    with another.writing() as connection:
        assert operational.filled_tables(connection) == []
        for table, values in kept:
            operational.put_row(connection, table, values)
        operational.settle_counters(connection)
    with operational.snapshot(another) as reading:
        assert list(operational.every_row(reading)) == kept
        filled = set(operational.filled_tables(reading))
    assert filled == {table for table, _ in kept if table in metadata.tables} - {"id_sequence"}
