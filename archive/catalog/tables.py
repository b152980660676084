# SPDX-License-Identifier: Apache-2.0
"""The tables. Evidence tables can be remade from the store; `ops_` tables cannot, and need not.

Evidence rows hold nothing but what a statement, its inventory and their digests say, so that
`muniment rebuild` gives the same rows, column by column.

A text whose length has no bound (a URL) goes into no index but a hash: PostgreSQL's trees take
keys of 2,700 bytes. On SQLite, which has trees only, such an index is one.
"""

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

keyset = Table(
    "keyset",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("statement_sha256", String(64), nullable=False, unique=True),
    Column("content_sha256", String(64), nullable=False),
)

capture = Table(
    "capture",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("id", String(40), nullable=False, unique=True),
    Column("url", Text, nullable=False),
    Column("final_url", Text, nullable=False),
    Column("vantage", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("captured_at", String(27), nullable=False),
    Column("title", Text),
    Column("body_record_id", Text),
    Column("container_sha256", String(64), nullable=False),
    Column("inventory_sha256", String(64), nullable=False),
    Column("statement_sha256", String(64), nullable=False, unique=True),
    Column("envelope_key", Text, nullable=False),
    Column("envelope_sha256", String(64), nullable=False),
    Column("record_json", LargeBinary, nullable=False),
    Column("record_sha256", String(64), nullable=False),
    Index("capture_url", "url", postgresql_using="hash"),
    Index("capture_container", "container_sha256"),
    Index("capture_inventory", "inventory_sha256"),
    Index("capture_envelope", "envelope_sha256"),
)

part = Table(
    "part",
    metadata,
    Column("capture_number", ForeignKey("capture.number"), primary_key=True),
    Column("role", String(16), primary_key=True),
    Column("media_type", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("sha256", String(64)),
    Column("sha1", String(32)),
    Column("commitment", String(64)),
    Column("container_sha256", String(64), nullable=False),
    Column("offset", Integer, nullable=False),
    Column("length", Integer, nullable=False),
    Column("record_id", Text, nullable=False),
    Column("record_sha256", String(64), nullable=False),
    Index("part_sha256", "sha256"),
)

container = Table(
    "container",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("size", Integer, nullable=False),
)

observation = Table(
    "observation",
    metadata,
    Column("statement_sha256", String(64), primary_key=True),
    Column("url", Text, nullable=False),
    Column("vantage", Text, nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("reason", Text, nullable=False),
    Column("observed_at", String(27), nullable=False),
    Column("inventory_sha256", String(64), nullable=False),
    Column("envelope_key", Text, nullable=False),
    Column("envelope_sha256", String(64), nullable=False),
    Index("observation_url", "url", postgresql_using="hash"),
)

statement = Table(
    "statement",
    metadata,
    Column("statement_sha256", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("content_sha256", String(64), nullable=False),
    Column("made_at", String(27), nullable=False),
    Column("envelope_key", Text, nullable=False),
    Column("envelope_sha256", String(64), nullable=False),
    Index("statement_kind", "kind", "made_at"),
)

statement_about = Table(
    "statement_about",
    metadata,
    Column("statement_sha256", ForeignKey("statement.statement_sha256"), primary_key=True),
    Column("concerns", String(80), primary_key=True),
    Index("statement_about_concerns", "concerns"),
)

id_sequence = Table(
    "id_sequence",
    metadata,
    Column("kind", String(1), primary_key=True),
    Column("next_number", Integer, nullable=False),
)

ops_reservation = Table(
    "ops_reservation",
    metadata,
    Column("kind", String(1), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("reserved_at", String(27), nullable=False),
    Column("is_void", Integer, nullable=False, default=0),
)

ops_api_key = Table(
    "ops_api_key",
    metadata,
    Column("key_id", String(16), primary_key=True),
    Column("secret_sha256", String(64), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created_at", String(27), nullable=False),
    Column("note", Text, nullable=False),
)

EVIDENCE_TABLES = (keyset, container, capture, part, observation, statement, statement_about)
