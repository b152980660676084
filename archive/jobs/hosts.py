# SPDX-License-Identifier: Apache-2.0
"""Turns at hosts, shared by all workers and processes through the jobs database."""

import datetime as dt
from dataclasses import asdict, dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archive.clock import UTC, Clock
from archive.jobs.database import JobsDatabase, insert_if_absent
from archive.jobs.executors import IsGone
from archive.jobs.politeness import (
    HostLimits,
    HostState,
    believable,
    next_start,
    refused,
    started,
    welcomed,
)
from archive.jobs.tables import ops_host, ops_host_turn

_BUSY_MS = 100
_HOST_LIMIT = 255
_PLACES_EACH = 4  # whoever waits is given another place at each refusal


@dataclass(frozen=True, slots=True)
class Turn:
    """Leave to look at a host from `start` on; to be given back when the look is over.

    `strikes` says how often in a row the host had refused before it.
    """

    name: str
    host: str
    start: dt.datetime
    strikes: int


@dataclass(frozen=True, slots=True)
class NoTurn:
    """Not now: ask again at that time, by the same name, and the place in the row is kept.

    `is_refused` says that the host itself wants it so.
    """

    at: dt.datetime
    is_refused: bool


class HostTurns:
    """Gives turns, and learns from what hosts answer. Whoever must wait has a place in the row."""

    def __init__(
        self,
        database: JobsDatabase,
        clock: Clock,
        owner: str,
        is_gone: IsGone,
        longest_look_ms: int,
    ) -> None:
        self._database = database
        self._clock = clock
        self._owner = owner
        self._is_gone = is_gone
        self._longest_look_ms = longest_look_ms

    def take(self, name: str, host: str, limits: HostLimits, patience_ms: int) -> Turn | NoTurn:
        """A turn that starts within the patience, or when to ask again.

        A turn that is never given back ends by itself, or with its process.
        """
        host = host[:_HOST_LIMIT]
        with self._database.writing() as connection:
            now = self._now_ms()
            state = _state(connection, host)
            latest = _latest(connection, host, now, limits)
            state = believable(state, now, latest, limits)
            start = _place(connection, name)
            has_place = start is not None
            if start is None or not state.refused_until_ms <= start <= latest:
                start = next_start(state, now)
                if limits.interval_ms:
                    _keep(connection, host, started(state, start, limits))
            is_soon = start <= now + patience_ms
            is_given = is_soon and self._has_room(connection, name, host, limits.concurrency)
            values = {
                "host": host,
                "owner": self._owner,
                "start_ms": start,
                "until_ms": max(start, now) + self._longest_look_ms,
                "is_looking": int(is_given),
            }
            _put(connection, name, values, is_new=not has_place)
        if is_given:
            return Turn(name, host, _moment(max(start, now)), state.strikes)
        if is_soon:
            return NoTurn(_moment(now + _BUSY_MS), is_refused=False)
        return NoTurn(_moment(start), state.refused_until_ms > now)

    def give_back(
        self, turn: Turn, limits: HostLimits, *, is_refusal: bool, wish_seconds: int | None
    ) -> None:
        """End a turn, and remember whether the host refused and what it asked for."""
        with self._database.writing() as connection:
            connection.execute(sa.delete(ops_host_turn).where(ops_host_turn.c.name == turn.name))
            if is_refusal:
                state = refused(_state(connection, turn.host), self._now_ms(), wish_seconds, limits)
                _keep(connection, turn.host, state)
            elif turn.strikes:
                _keep(connection, turn.host, welcomed(_state(connection, turn.host)))

    def _has_room(self, connection: Connection, name: str, host: str, places: int) -> bool:
        now = self._now_ms()
        wanted = sa.select(
            ops_host_turn.c.name, ops_host_turn.c.owner, ops_host_turn.c.until_ms
        ).where(
            ops_host_turn.c.host == host,
            ops_host_turn.c.is_looking == 1,
            ops_host_turn.c.name != name,
        )
        turns = list(connection.execute(wanted))
        if len(turns) < places:
            return True
        over = [turn.name for turn in turns if turn.until_ms < now or self._is_gone(turn.owner)]
        if over:
            connection.execute(sa.delete(ops_host_turn).where(ops_host_turn.c.name.in_(over)))
        return len(turns) - len(over) < places

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def forget_ended(database: JobsDatabase, now: dt.datetime) -> None:
    """Drop the places of those who never came back for their turn."""
    with database.writing() as connection:
        over = ops_host_turn.c.until_ms < int(now.timestamp() * 1000)
        connection.execute(sa.delete(ops_host_turn).where(over))


def _state(connection: Connection, host: str) -> HostState:
    """What is remembered of the host, whose row is locked until the transaction ends."""
    wanted = sa.select(ops_host).where(ops_host.c.host == host).with_for_update()
    row = connection.execute(wanted).first()
    if row is None:
        insert_if_absent(connection, ops_host, {"host": host, **asdict(HostState())})
        row = connection.execute(wanted).one()
    return HostState(row.next_ms, row.refused_until_ms, row.strikes)


def _latest(connection: Connection, host: str, now: int, limits: HostLimits) -> int:
    """The latest start that those who wait can have been given since the clock was right."""
    waiting = sa.select(sa.func.count()).where(
        ops_host_turn.c.host == host, ops_host_turn.c.until_ms > now
    )
    places: int = connection.execute(waiting).scalar_one()
    return now + limits.longest_wait_ms + _PLACES_EACH * (places + 1) * limits.interval_ms


def _place(connection: Connection, name: str) -> int | None:
    wanted = sa.select(ops_host_turn.c.start_ms).where(ops_host_turn.c.name == name)
    start: int | None = connection.execute(wanted).scalar()
    return start


def _put(connection: Connection, name: str, values: dict[str, object], *, is_new: bool) -> None:
    if is_new:
        connection.execute(sa.insert(ops_host_turn).values(name=name, **values))
    else:
        named = ops_host_turn.c.name == name
        connection.execute(sa.update(ops_host_turn).where(named).values(**values))


def _keep(connection: Connection, host: str, state: HostState) -> None:
    connection.execute(sa.update(ops_host).where(ops_host.c.host == host).values(**asdict(state)))


def _moment(milliseconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(milliseconds / 1000, UTC)
