# SPDX-License-Identifier: Apache-2.0
"""Restrictions, custody events, grants, keys that end, answers kept for idempotency keys."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables and columns."""
    _evidence()
    _operational()


def _evidence() -> None:
    op.create_index("statement_content", "statement", ["content_sha256"])
    op.create_table(
        "restriction",
        sa.Column("record_id", sa.String(40), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("is_restricted", sa.Integer, nullable=False),
        sa.Column("until", sa.String(27)),
        sa.Column("metadata_policy", sa.String(8)),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("statement_sha256", sa.String(64), nullable=False),
    )
    op.create_table(
        "custody_event",
        sa.Column("statement_sha256", sa.String(64), primary_key=True),
        sa.Column("event", sa.String(16), nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )


def _operational() -> None:
    for name in ("expires_at", "revoked_at", "last_used_at"):
        op.add_column("ops_api_key", sa.Column(name, sa.String(27)))
    op.create_table(
        "ops_grant",
        sa.Column("key_id", sa.String(16), sa.ForeignKey("ops_api_key.key_id"), primary_key=True),
        sa.Column("record_id", sa.String(40), primary_key=True),
        sa.Column("granted_at", sa.String(27), nullable=False),
    )
    op.create_table(
        "ops_custody",
        sa.Column("group_sha256", sa.String(64), primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("queued_at", sa.String(27), nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("claimed_at", sa.String(27)),
        sa.Column("statement_sha256", sa.String(64)),
    )
    op.create_index("ops_custody_statement", "ops_custody", ["statement_sha256"])
    op.create_table(
        "ops_idempotency",
        sa.Column("token", sa.String(64), primary_key=True),
        sa.Column("request_sha256", sa.String(64), nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("began_at", sa.String(27), nullable=False),
        sa.Column("ends_at", sa.String(27), nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("headers", sa.Text),
        sa.Column("body", sa.LargeBinary),
    )
    op.create_index("ops_idempotency_ends", "ops_idempotency", ["ends_at"])
