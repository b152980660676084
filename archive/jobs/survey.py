# SPDX-License-Identifier: Apache-2.0
"""What a jobs database holds, for whoever looks after it: nothing is made or changed."""

import datetime as dt
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from archive.clock import parse_rfc3339, rfc3339
from archive.errors import JobsError
from archive.jobs.base import UNFINISHED, JobState
from archive.jobs.database import checked_url, plain_engine, translated
from archive.jobs.executors import REAPER, IsGone
from archive.jobs.tables import SCHEMA, ops_executor, ops_job

_STATES = [state.value for state in UNFINISHED]


@dataclass(frozen=True, slots=True)
class Survey:
    """Unfinished jobs whose time has long come, those that failed of late, workers that live.

    Those that failed are counted by the code of their problem.
    """

    due: int
    failed: dict[str, int]
    workers: int


def survey(
    url: str, due_before: dt.datetime, failed_since: dt.datetime, lives: "Lives"
) -> Survey | None:
    """What the database holds; None when it was not made yet.

    Raises JobsError when it is damaged, JobsUnavailable, SettingsError.
    """
    engine = _engine(url)
    if engine is None:
        return None
    try:
        with translated(), engine.connect() as connection:
            _require_whole(connection)
            if not sa.inspect(connection).has_table(ops_job.name, schema=_schema(engine)):
                return None
            return Survey(
                _due(connection, due_before),
                _failed(connection, failed_since),
                _workers(connection, lives),
            )
    finally:
        engine.dispose()


@dataclass(frozen=True, slots=True)
class Lives:
    """How to tell whether a worker lives: by its process, else by its last sign of life."""

    is_gone: IsGone
    beat_since: dt.datetime

    def __call__(self, owner: str, beat_at: str) -> bool:
        """Whether the worker of this owner lives."""
        is_gone = self.is_gone(owner)
        return parse_rfc3339(beat_at) >= self.beat_since if is_gone is None else not is_gone


def _engine(url: str) -> Engine | None:
    parsed = checked_url(url)
    if parsed.get_backend_name() != "sqlite":
        engine = plain_engine(parsed, is_durable=False)
        return engine.execution_options(schema_translate_map={None: SCHEMA})
    path = Path(str(parsed.database)).absolute()
    if not path.is_file():
        return None
    name = f"file:{quote(str(path))}?mode=ro"
    return sa.create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(name, uri=True),
        poolclass=sa.pool.NullPool,
    )


def _schema(engine: Engine) -> str | None:
    return None if engine.dialect.name == "sqlite" else SCHEMA


def _require_whole(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    found = connection.execute(sa.text("pragma quick_check(3)")).scalars().all()
    if found != ["ok"]:
        raise JobsError("the jobs database is damaged: " + "; ".join(map(str, found)))


def _due(connection: Connection, before: dt.datetime) -> int:
    time = sa.func.coalesce(ops_job.c.not_before, ops_job.c.created_at)
    wanted = sa.select(sa.func.count()).where(ops_job.c.state.in_(_STATES), time <= rfc3339(before))
    found: int = connection.execute(wanted).scalar_one()
    return found


def _failed(connection: Connection, since: dt.datetime) -> dict[str, int]:
    wanted = (
        sa.select(ops_job.c.problem_code, sa.func.count())
        .where(ops_job.c.state == JobState.FAILED.value, ops_job.c.updated_at >= rfc3339(since))
        .group_by(ops_job.c.problem_code)
    )
    return {code or "": count for code, count in connection.execute(wanted)}


def _workers(connection: Connection, lives: Lives) -> int:
    rows = connection.execute(sa.select(ops_executor).where(ops_executor.c.executor_id != REAPER))
    return sum(lives(row.owner, row.beat_at) for row in rows)
