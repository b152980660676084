# SPDX-License-Identifier: Apache-2.0
"""The tables. Evidence tables can be remade from the store; `ops_` tables cannot, and need not.

Evidence rows hold nothing but what a statement, its inventory and their digests say, so that
`muniment rebuild` gives the same rows, column by column.

A text whose length has no bound (a URL) goes into no index but a hash: PostgreSQL's trees take
keys of 2,700 bytes. On SQLite, which has trees only, such an index is one.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
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
    Index("capture_title", "title", postgresql_using="hash"),
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
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64)),
    Column("sha1", String(32)),
    Column("commitment", String(64)),
    Column("container_sha256", String(64), nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("length", BigInteger, nullable=False),
    Column("record_id", Text, nullable=False),
    Column("record_sha256", String(64), nullable=False),
    Index("part_sha256", "sha256"),
    Index("part_place", "container_sha256", "offset"),
    Index(
        "part_body_sha1",
        "sha1",
        sqlite_where=text("role = 'body'"),
        postgresql_where=text("role = 'body'"),
    ),
)

container = Table(
    "container",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
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
    Index("statement_content", "content_sha256"),
)

statement_about = Table(
    "statement_about",
    metadata,
    Column("statement_sha256", ForeignKey("statement.statement_sha256"), primary_key=True),
    Column("concerns", String(80), primary_key=True),
    Index("statement_about_concerns", "concerns"),
)

restriction = Table(
    "restriction",
    metadata,
    Column("record_id", String(40), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("is_restricted", Integer, nullable=False),
    Column("until", String(27)),
    Column("metadata_policy", String(8)),
    Column("reason", Text, nullable=False),
    Column("at", String(27), nullable=False),
    Column("statement_sha256", String(64), nullable=False),
)

# What was done with a record by a signed statement (withdrawal, supersession, correction,
# redaction): the statement's content, once for each record whose doors tell of it.
act = Table(
    "act",
    metadata,
    Column("record_id", String(40), primary_key=True),
    Column("statement_sha256", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index("act_statement", "statement_sha256"),
)

# Files that were erased by a redaction, and the file that holds what remains of each.
replacement = Table(
    "replacement",
    metadata,
    Column("old_sha256", String(64), primary_key=True),
    Column("statement_sha256", String(64), primary_key=True),
    Column("new_sha256", String(64)),
    Index("replacement_statement", "statement_sha256"),
)

# Verifications that were put on record.
verification = Table(
    "verification",
    metadata,
    Column("statement_sha256", String(64), primary_key=True),
    Column("record_id", String(40), nullable=False),
    Column("verified_at", String(27), nullable=False),
    Column("policy", String(16), nullable=False),
    Column("result", String(16), nullable=False),
    Column("actor", Text, nullable=False),
    Index("verification_record", "record_id", "verified_at"),
)

custody_event = Table(
    "custody_event",
    metadata,
    Column("statement_sha256", String(64), primary_key=True),
    Column("event", String(16), nullable=False),
    Column("at", String(27), nullable=False),
    Column("actor", Text, nullable=False),
    Column("detail", Text, nullable=False),
)

# One row for each statement over a group of imported records; the range is of the container.
import_group = Table(
    "import_group",
    metadata,
    Column("statement_sha256", String(64), primary_key=True),
    Column("source_sha256", String(64), nullable=False),
    Column("source_name", Text, nullable=False),
    Column("source_size", BigInteger, nullable=False),
    Column("form", String(16), nullable=False),
    Column("container_sha256", String(64), nullable=False),
    Column("member", Text),
    Column("supplied_by", Text, nullable=False),
    Column("range_start", BigInteger, nullable=False),
    Column("range_end", BigInteger, nullable=False),
    Column("first_record", BigInteger, nullable=False),
    Column("records", Integer, nullable=False),
    Column("is_last", Integer, nullable=False),
    Column("flaws", Integer, nullable=False),
    Index("import_group_source", "source_sha256"),
    Index("import_group_range", "container_sha256", "range_start"),
)

# Every response, revisit and resource record that the archive holds: imported ones by their
# import's statement, those of its own captures (with their number) by the capture's.
cdx = Table(
    "cdx",
    metadata,
    Column("container_sha256", String(64), primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    Column("length", BigInteger, nullable=False),
    Column("record_type", String(16), nullable=False),
    Column("record_id", Text, nullable=False),
    Column("urlkey", String(1000), nullable=False),
    Column("timestamp", String(14), nullable=False),
    Column("date", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("media_type", Text),
    Column("status", Integer),
    Column("method", Text),
    Column("size", BigInteger, nullable=False),
    Column("sha1", String(32)),
    Column("sha256", String(64)),
    Column("body_sha256", String(64)),
    Column("statement_sha256", String(64), nullable=False),
    Column("capture_number", Integer),
    Index("cdx_url", "urlkey", "timestamp"),
    Index("cdx_sha256", "sha256"),
    Index("cdx_body_sha256", "body_sha256"),
    Index("cdx_sha1", "sha1"),
)

# One row for each token; `subject` is a capture's ID, or the size of a checkpoint.
time_token = Table(
    "time_token",
    metadata,
    Column("subject", String(40), primary_key=True),
    Column("batch", Integer, primary_key=True),
    Column("authority", String(63), primary_key=True),
    Column("role", String(8), nullable=False),
    Column("gen_time", String(27), nullable=False),
    Column("half_at", String(27), nullable=False),
    Column("ends_at", String(27), nullable=False),
    Column("token_sha256", String(64), nullable=False),
    Column("proofs_sha256", String(64), nullable=False),
    Column("checkpoint_size", BigInteger),
    Index("time_token_ends", "ends_at"),
    Index("time_token_checkpoint", "checkpoint_size"),
)

# The sequence of the transparency log: one leaf for each statement, in the order of logging.
log_entry = Table(
    "log_entry",
    metadata,
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("statement_sha256", String(64), nullable=False, unique=True),
    Column("entry", LargeBinary, nullable=False),
)

# The size of each checkpoint that was published; as `log_head`, it goes on while others read.
log_checkpoint = Table(
    "log_checkpoint",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
)

# One row, there once the log has started: how many entries there are, the tree whose tiles are
# stored, what the log's key signed last, what was published last, and why the log stands still.
log_head = Table(
    "log_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("appended", BigInteger, nullable=False),
    Column("integrated", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("signed", BigInteger, nullable=False),
    Column("signed_note", LargeBinary),
    Column("published", BigInteger, nullable=False),
    Column("published_note", LargeBinary),
    Column("fault", Text),
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
    Column("expires_at", String(27)),
    Column("revoked_at", String(27)),
    Column("last_used_at", String(27)),
)

ops_grant = Table(
    "ops_grant",
    metadata,
    Column("key_id", ForeignKey("ops_api_key.key_id"), primary_key=True),
    Column("record_id", String(40), primary_key=True),
    Column("granted_at", String(27), nullable=False),
)

ops_custody = Table(
    "ops_custody",
    metadata,
    Column("group_sha256", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("queued_at", String(27), nullable=False),
    Column("owner", Text),
    Column("claimed_at", String(27)),
    Column("statement_sha256", String(64)),
    Index("ops_custody_statement", "statement_sha256"),
)

ops_idempotency = Table(
    "ops_idempotency",
    metadata,
    Column("token", String(64), primary_key=True),
    Column("request_sha256", String(64), nullable=False),
    Column("owner", Text, nullable=False),
    Column("began_at", String(27), nullable=False),
    Column("ends_at", String(27), nullable=False),
    Column("status", Integer),
    Column("headers", Text),
    Column("body", LargeBinary),
    Index("ops_idempotency_ends", "ends_at"),
)

ops_request = Table(
    "ops_request",
    metadata,
    Column("request", String(120), primary_key=True),
    Column("kind", String(1), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("expected", String(64)),
    Column("record", String(80)),
    Index("ops_request_number", "kind", "number"),
)

ops_list_run = Table(
    "ops_list_run",
    metadata,
    Column("list_sha256", String(64), primary_key=True),
    Column("run", String(80), nullable=False),
    Column("owner", Text, nullable=False),
)

# What is to be stamped or renewed. `code` and `detail` say why the last try gave less than wanted.
ops_stamp = Table(
    "ops_stamp",
    metadata,
    Column("subject", String(40), primary_key=True),
    Column("role", String(8), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_at", String(27), nullable=False),
    Column("code", String(40)),
    Column("detail", Text),
    Column("owner", Text),
    Column("claimed_at", String(27)),
    Index("ops_stamp_next", "next_at"),
)

# Up to which capture, or checkpoint, what is due was written down.
ops_stamp_mark = Table(
    "ops_stamp_mark",
    metadata,
    Column("kind", String(12), primary_key=True),
    Column("mark", BigInteger, nullable=False),
)

EVIDENCE_TABLES = (
    keyset,
    container,
    capture,
    part,
    observation,
    statement,
    statement_about,
    restriction,
    act,
    replacement,
    verification,
    custody_event,
    import_group,
    cdx,
    time_token,
    log_entry,
)
