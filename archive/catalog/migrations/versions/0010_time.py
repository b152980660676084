# SPDX-License-Identifier: Apache-2.0
"""Trusted time: tokens of timestamp authorities, and what is to be stamped."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "time_token",
        sa.Column("subject", sa.String(40), primary_key=True),
        sa.Column("batch", sa.Integer, primary_key=True),
        sa.Column("authority", sa.String(63), primary_key=True),
        sa.Column("role", sa.String(8), nullable=False),
        sa.Column("gen_time", sa.String(27), nullable=False),
        sa.Column("half_at", sa.String(27), nullable=False),
        sa.Column("ends_at", sa.String(27), nullable=False),
        sa.Column("token_sha256", sa.String(64), nullable=False),
        sa.Column("proofs_sha256", sa.String(64), nullable=False),
        sa.Column("checkpoint_size", sa.BigInteger),
    )
    op.create_index("time_token_ends", "time_token", ["ends_at"])
    op.create_index("time_token_checkpoint", "time_token", ["checkpoint_size"])
    op.create_table(
        "log_checkpoint",
        sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
    )
    op.create_table(
        "ops_stamp",
        sa.Column("subject", sa.String(40), primary_key=True),
        sa.Column("role", sa.String(8), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("next_at", sa.String(27), nullable=False),
        sa.Column("code", sa.String(40)),
        sa.Column("detail", sa.Text),
        sa.Column("owner", sa.Text),
        sa.Column("claimed_at", sa.String(27)),
    )
    op.create_index("ops_stamp_next", "ops_stamp", ["next_at"])
    op.create_table(
        "ops_stamp_mark",
        sa.Column("kind", sa.String(12), primary_key=True),
        sa.Column("mark", sa.BigInteger, nullable=False),
    )
