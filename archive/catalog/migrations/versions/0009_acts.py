# SPDX-License-Identifier: Apache-2.0
"""Acts on records, and indexes by which the hash desk finds bodies and documents."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the tables and the indexes."""
    op.create_table(
        "act",
        sa.Column("record_id", sa.String(40), primary_key=True),
        sa.Column("statement_sha256", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_index("act_statement", "act", ["statement_sha256"])
    op.create_table(
        "replacement",
        sa.Column("old_sha256", sa.String(64), primary_key=True),
        sa.Column("statement_sha256", sa.String(64), primary_key=True),
        sa.Column("new_sha256", sa.String(64)),
    )
    op.create_table(
        "verification",
        sa.Column("statement_sha256", sa.String(64), primary_key=True),
        sa.Column("record_id", sa.String(40), nullable=False),
        sa.Column("verified_at", sa.String(27), nullable=False),
        sa.Column("policy", sa.String(16), nullable=False),
        sa.Column("result", sa.String(16), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
    )
    op.create_index("verification_record", "verification", ["record_id", "verified_at"])
    op.create_index("replacement_statement", "replacement", ["statement_sha256"])
    op.create_index("capture_title", "capture", ["title"], postgresql_using="hash")
    op.create_index(
        "part_body_sha1",
        "part",
        ["sha1"],
        sqlite_where=sa.text("role = 'body'"),
        postgresql_where=sa.text("role = 'body'"),
    )
