# SPDX-License-Identifier: Apache-2.0
"""Imports: groups of foreign records, and one index over every response that is held."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables, and room for containers of 2 GiB and more."""
    if op.get_bind().dialect.name != "sqlite":  # which has one kind of integer
        for table, column in (
            ("part", "size"),
            ("part", "offset"),
            ("part", "length"),
            ("container", "size"),
        ):
            op.alter_column(table, column, type_=sa.BigInteger)
    op.create_index("part_place", "part", ["container_sha256", "offset"])
    _make_import_group()
    _make_cdx()


def _make_import_group() -> None:
    op.create_table(
        "import_group",
        sa.Column("statement_sha256", sa.String(64), primary_key=True),
        sa.Column("source_sha256", sa.String(64), nullable=False),
        sa.Column("source_name", sa.Text, nullable=False),
        sa.Column("source_size", sa.BigInteger, nullable=False),
        sa.Column("form", sa.String(16), nullable=False),
        sa.Column("container_sha256", sa.String(64), nullable=False),
        sa.Column("member", sa.Text),
        sa.Column("supplied_by", sa.Text, nullable=False),
        sa.Column("range_start", sa.BigInteger, nullable=False),
        sa.Column("range_end", sa.BigInteger, nullable=False),
        sa.Column("first_record", sa.BigInteger, nullable=False),
        sa.Column("records", sa.Integer, nullable=False),
        sa.Column("is_last", sa.Integer, nullable=False),
        sa.Column("flaws", sa.Integer, nullable=False),
    )
    op.create_index("import_group_source", "import_group", ["source_sha256"])
    op.create_index("import_group_range", "import_group", ["container_sha256", "range_start"])


def _make_cdx() -> None:
    op.create_table(
        "cdx",
        sa.Column("container_sha256", sa.String(64), primary_key=True),
        sa.Column("offset", sa.BigInteger, primary_key=True),
        sa.Column("length", sa.BigInteger, nullable=False),
        sa.Column("record_type", sa.String(16), nullable=False),
        sa.Column("record_id", sa.Text, nullable=False),
        sa.Column("urlkey", sa.String(1000), nullable=False),
        sa.Column("timestamp", sa.String(14), nullable=False),
        sa.Column("date", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("media_type", sa.Text),
        sa.Column("status", sa.Integer),
        sa.Column("method", sa.Text),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha1", sa.String(32)),
        sa.Column("sha256", sa.String(64)),
        sa.Column("body_sha256", sa.String(64)),
        sa.Column("statement_sha256", sa.String(64), nullable=False),
        sa.Column("capture_number", sa.Integer),
    )
    op.create_index("cdx_url", "cdx", ["urlkey", "timestamp"])
    op.create_index("cdx_sha256", "cdx", ["sha256"])
    op.create_index("cdx_body_sha256", "cdx", ["body_sha256"])
    op.create_index("cdx_sha1", "cdx", ["sha1"])
