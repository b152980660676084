# SPDX-License-Identifier: Apache-2.0
"""Who runs jobs now: each worker has a place with a stable name, and a heartbeat.

A dead worker's name is taken by the next one to start on that machine, which then goes on with
what the dead one left. Where none starts, one of the living hands it to all: the reaper.
"""

import datetime as dt
from collections.abc import Callable

import sqlalchemy as sa

from archive.clock import Clock, parse_rfc3339, rfc3339
from archive.errors import ExecutorLost, JobsError
from archive.jobs.database import JobsDatabase, insert_if_absent
from archive.jobs.durable import DurableJobs, Run
from archive.jobs.tables import ops_executor

REAPER = "-reaper"  # no executor's name begins so
_PLACES_LIMIT = 1000
_STALLED_SECONDS = 60
_STALLED_LIMIT = 100

# Whether the process of this name is dead, when that can be seen from here.
IsGone = Callable[[str], bool | None]


class Executors:
    """The places of workers, and this process's own one."""

    def __init__(
        self,
        database: JobsDatabase,
        clock: Clock,
        owner: str,
        is_gone: IsGone,
        dead_after: dt.timedelta,
    ) -> None:
        self._database = database
        self._clock = clock
        self._owner = owner
        self._is_gone = is_gone
        self._dead_after = dead_after

    def take_place(self, machine: str) -> str:
        """The first free name `<machine>-<n>`, which is now this process's own."""
        for number in range(1, _PLACES_LIMIT):
            name = f"{machine}-{number}"
            if self._take(name):
                return name
        raise JobsError(f"there are {_PLACES_LIMIT} workers on {machine} already")

    def beat(self, name: str) -> None:
        """Say that this process lives.

        Raises ExecutorLost when it was taken for dead and another one has its place.
        """
        values = {"executor_id": name, "owner": self._owner, "beat_at": self._now()}
        with self._database.writing() as connection:
            if insert_if_absent(connection, ops_executor, values):
                return
            own = [ops_executor.c.executor_id == name, ops_executor.c.owner == self._owner]
            beaten = connection.execute(sa.update(ops_executor).where(*own).values(values))
        if beaten.rowcount != 1:
            # Two under one name would hide the death of either from the other workers.
            raise ExecutorLost(
                f"this worker was taken for dead, and another is {name} now: start it again"
            )

    def leave(self, name: str) -> None:
        """Give the place up; what this process left unfinished is others' to take at once."""
        with self._database.writing() as connection:
            connection.execute(
                sa.delete(ops_executor).where(
                    ops_executor.c.executor_id == name, ops_executor.c.owner == self._owner
                )
            )

    def is_reaper(self) -> bool:
        """Whether this process is the one to reap now: one at a time, the first that asks."""
        return self._take(REAPER, own_too=True)

    def living(self) -> set[str]:
        """The names of the workers that live, as far as can be told; the dead lose their place."""
        with self._database.writing() as connection:
            rows = list(connection.execute(sa.select(ops_executor)))
            dead = [row.executor_id for row in rows if self._is_dead(row.owner, row.beat_at)]
            connection.execute(sa.delete(ops_executor).where(ops_executor.c.executor_id.in_(dead)))
        return {row.executor_id for row in rows} - set(dead) - {REAPER}

    def _take(self, name: str, *, own_too: bool = False) -> bool:
        values = {"executor_id": name, "owner": self._owner, "beat_at": self._now()}
        with self._database.writing() as connection:
            if insert_if_absent(connection, ops_executor, values):
                return True
            wanted = sa.select(ops_executor).where(ops_executor.c.executor_id == name)
            row = connection.execute(wanted.with_for_update()).first()
            is_own = row is not None and row.owner == self._owner
            if row is None or not ((own_too and is_own) or self._is_dead(row.owner, row.beat_at)):
                return False
            connection.execute(
                sa.update(ops_executor).where(ops_executor.c.executor_id == name).values(values)
            )
        return True

    def _now(self) -> str:
        return rfc3339(self._clock.now())

    def _is_dead(self, owner: str, beat_at: str) -> bool:
        is_gone = self._is_gone(owner)
        if is_gone is not None:
            return is_gone
        return self._clock.now() - parse_rfc3339(beat_at) > self._dead_after


def resume_orphans(jobs: DurableJobs, executors: Executors) -> int:
    """Have the runs of dead executors begun again by living ones; how many there were."""
    client, living = jobs.client, executors.living()
    orphans: dict[str, list[str]] = {}
    for run_name, queue, executor_id in client.begun():
        if executor_id not in living:
            orphans.setdefault(queue, []).append(run_name)
    for queue, run_names in orphans.items():
        client.resume(run_names, queue)
    return sum(map(len, orphans.values()))


def revive_stalled(jobs: DurableJobs, clock: Clock) -> int:
    """Ask again for unfinished jobs whose run the engine has given up; how many there were.

    It does so when it cannot write down the end of a run, as when the database died just then.
    """
    since = clock.now() - dt.timedelta(seconds=_STALLED_SECONDS)
    stalled = jobs.stalled(since, _STALLED_LIMIT)
    if not stalled:
        return 0
    names = {str(Run(job.id, job.run)): Run(job.id, job.run) for job in stalled}
    given_up = set(names) - jobs.client.unfinished(list(names))
    for name in sorted(given_up):
        jobs.again(names[name], None, None)
    return len(given_up)
