# SPDX-License-Identifier: Apache-2.0
"""The tables of the jobs database, beside those of the engine that runs the jobs.

All are operational: an archive without them reads, verifies and rebuilds. They are made when the
database is first opened; on PostgreSQL they lie in a schema of their own.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text

SCHEMA = "muniment_jobs"

metadata = MetaData()

ops_job = Table(
    "ops_job",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("queue", String(32), nullable=False),
    Column("payload", Text, nullable=False),
    Column("key", String(255), unique=True),
    Column("state", String(10), nullable=False),
    Column("created_at", String(27), nullable=False),
    Column("updated_at", String(27), nullable=False),
    Column("not_before", String(27)),
    Column("run", Integer, nullable=False),
    Column("starts", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger),
    Column("result", Text),
    Column("problem_code", String(64)),
    Column("problem_detail", Text),
    Index("ops_job_state", "state", "updated_at"),
)

ops_repeat = Table(
    "ops_repeat",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("queue", String(32), nullable=False),
    Column("payload", Text, nullable=False),
    Column("every_seconds", Integer, nullable=False),
    Column("next_at", String(27), nullable=False),
)

ops_executor = Table(
    "ops_executor",
    metadata,
    Column("executor_id", String(120), primary_key=True),
    Column("owner", Text, nullable=False),
    Column("beat_at", String(27), nullable=False),
)

ops_host = Table(
    "ops_host",
    metadata,
    Column("host", String(255), primary_key=True),
    Column("next_ms", BigInteger, nullable=False),
    Column("refused_until_ms", BigInteger, nullable=False),
    Column("strikes", Integer, nullable=False),
)

ops_host_turn = Table(
    "ops_host_turn",
    metadata,
    Column("name", String(120), primary_key=True),
    Column("host", String(255), nullable=False),
    Column("owner", Text, nullable=False),
    Column("start_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("is_looking", Integer, nullable=False),
    Index("ops_host_turn_host", "host"),
)
