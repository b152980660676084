# SPDX-License-Identifier: Apache-2.0
"""The same request with the same key: done once, answered alike, also after a crash."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.archives import settings_at

from archive.bootstrap import Stand, init_archive
from archive.clock import FixedClock, rfc3339
from archive.errors import IdempotencyInProgress, IdempotencyKeyReused
from archive.services.access.idempotency import Begun, KeptAnswer, begin, finish, give_up
from archive.services.context import Archive

pytestmark = pytest.mark.both_databases

NOW = dt.datetime.now(dt.UTC)
ANSWER = KeptAnswer(201, '[["Location","/x"]]', b"{}")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def archive(
    tmp_path: Path, clock: FixedClock, database_setting: dict[str, str]
) -> Iterator[Archive]:
    opened, _ = init_archive(settings_at(tmp_path / "data", **database_setting), Stand(clock))
    yield opened
    opened.close()


def begun(archive: Archive, key: str = "a key", request: str = "a") -> Begun:
    found = begin(archive, key, request * 64)
    assert isinstance(found, Begun)
    return found


def kill_owner(archive: Archive) -> None:
    with archive.database.writing() as connection:
        connection.execute(
            sa.text("update ops_idempotency set owner = 'gone 1 1', began_at = :long_ago"),
            {"long_ago": rfc3339(NOW - dt.timedelta(hours=1))},
        )


def test_the_answer_is_given_again_for_a_day(archive: Archive, clock: FixedClock) -> None:
    first = begun(archive)
    assert first.since is None
    finish(archive, first, ANSWER)
    clock.at = NOW + dt.timedelta(hours=23, minutes=59)
    assert begin(archive, "a key", "a" * 64) == ANSWER
    clock.at = NOW + dt.timedelta(hours=24)
    assert begun(archive).since is None


def test_a_request_has_one_name_until_its_day_is_over(archive: Archive, clock: FixedClock) -> None:
    first = begun(archive)
    give_up(archive, first, did_nothing=False)
    clock.at = NOW + dt.timedelta(hours=23)
    second = begun(archive)
    assert (second.name, second.since) == (first.name, first.began_at)
    # A job that is named so outlives the day; the key given again then asks for another one.
    clock.at = NOW + dt.timedelta(hours=24)
    third = begun(archive)
    assert (third.token, third.since) == (first.token, None)
    assert third.name != first.name
    assert begun(archive, "another key").name != third.name


def test_another_request_with_the_key_is_refused_at_any_time(archive: Archive) -> None:
    first = begun(archive)
    with pytest.raises(IdempotencyKeyReused):
        begin(archive, "a key", "b" * 64)
    finish(archive, first, ANSWER)
    with pytest.raises(IdempotencyKeyReused):
        begin(archive, "a key", "b" * 64)
    assert begun(archive, "another key", "b").token != first.token


def test_while_it_is_under_way_it_is_not_begun_again(archive: Archive) -> None:
    begun(archive)
    with pytest.raises(IdempotencyInProgress):
        begin(archive, "a key", "a" * 64)


def test_what_did_nothing_is_forgotten(archive: Archive) -> None:
    give_up(archive, begun(archive), did_nothing=True)
    assert begun(archive, request="b").since is None


def test_what_ended_without_an_answer_is_taken_over_once(archive: Archive) -> None:
    first = begun(archive)
    give_up(archive, first, did_nothing=False)
    again = begun(archive)
    assert (again.token, again.since) == (first.token, rfc3339(NOW))
    with pytest.raises(IdempotencyInProgress):
        begin(archive, "a key", "a" * 64)


def test_a_dead_owner_is_replaced(archive: Archive) -> None:
    begun(archive)
    kill_owner(archive)
    again = begun(archive)
    assert again.since is not None
    finish(archive, again, ANSWER)
    assert begin(archive, "a key", "a" * 64) == ANSWER
