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
    next_start,
    refused,
    started,
    welcomed,
)
from archive.jobs.tables import ops_host, ops_host_turn

_BUSY_MS = 100
_HOST_LIMIT = 255


@dataclass(frozen=True, slots=True)
class Turn:
    """Leave to look at a host from `start` on; to be given back when the look is over."""

    name: str
    host: str
    start: dt.datetime


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
            start = self._place(connection, name, host, now)
            if start is None or start < state.refused_until_ms:
                start = next_start(state, now)
                _keep(connection, host, started(state, start, limits))
                self._put(connection, name, host, start, is_looking=0)
            if start > now + patience_ms:
                return NoTurn(_moment(start), state.refused_until_ms > now)
            if self._looking(connection, name, host) >= limits.concurrency:
                return NoTurn(_moment(now + _BUSY_MS), is_refused=False)
            self._put(connection, name, host, start, is_looking=1)
        return Turn(name, host, _moment(max(start, now)))

    def give_back(
        self, turn: Turn, limits: HostLimits, *, is_refusal: bool, wish_seconds: int | None
    ) -> None:
        """End a turn, and remember whether the host refused and what it asked for."""
        with self._database.writing() as connection:
            connection.execute(sa.delete(ops_host_turn).where(ops_host_turn.c.name == turn.name))
            state = _state(connection, turn.host)
            if is_refusal:
                state = refused(state, self._now_ms(), wish_seconds, limits)
                _keep(connection, turn.host, state)
            elif state.strikes:
                _keep(connection, turn.host, welcomed(state))

    def _place(self, connection: Connection, name: str, host: str, now: int) -> int | None:
        over = [ops_host_turn.c.host == host, ops_host_turn.c.until_ms < now]
        connection.execute(sa.delete(ops_host_turn).where(*over))
        wanted = sa.select(ops_host_turn.c.start_ms).where(ops_host_turn.c.name == name)
        start: int | None = connection.execute(wanted).scalar()
        return start

    def _put(
        self, connection: Connection, name: str, host: str, start: int, *, is_looking: int
    ) -> None:
        connection.execute(sa.delete(ops_host_turn).where(ops_host_turn.c.name == name))
        connection.execute(
            sa.insert(ops_host_turn).values(
                name=name,
                host=host,
                owner=self._owner,
                start_ms=start,
                until_ms=max(start, self._now_ms()) + self._longest_look_ms,
                is_looking=is_looking,
            )
        )

    def _looking(self, connection: Connection, name: str, host: str) -> int:
        wanted = sa.select(ops_host_turn).where(
            ops_host_turn.c.host == host,
            ops_host_turn.c.is_looking == 1,
            ops_host_turn.c.name != name,
        )
        turns = list(connection.execute(wanted))
        dead = [turn.name for turn in turns if self._is_gone(turn.owner)]
        if dead:
            connection.execute(sa.delete(ops_host_turn).where(ops_host_turn.c.name.in_(dead)))
        return len(turns) - len(dead)

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def _state(connection: Connection, host: str) -> HostState:
    """What is remembered of the host, whose row is locked until the transaction ends."""
    insert_if_absent(connection, ops_host, {"host": host, **asdict(HostState())})
    wanted = sa.select(ops_host).where(ops_host.c.host == host).with_for_update()
    row = connection.execute(wanted).one()
    return HostState(row.next_ms, row.refused_until_ms, row.strikes)


def _keep(connection: Connection, host: str, state: HostState) -> None:
    connection.execute(sa.update(ops_host).where(ops_host.c.host == host).values(**asdict(state)))


def _moment(milliseconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(milliseconds / 1000, UTC)
