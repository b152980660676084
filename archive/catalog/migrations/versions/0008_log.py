# SPDX-License-Identifier: Apache-2.0
"""The transparency log: its sequence of entries, and how far each step has come with it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "log_entry",
        sa.Column("idx", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("statement_sha256", sa.String(64), nullable=False, unique=True),
        sa.Column("entry", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "log_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("appended", sa.BigInteger, nullable=False),
        sa.Column("integrated", sa.BigInteger, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("signed", sa.BigInteger, nullable=False),
        sa.Column("signed_note", sa.LargeBinary),
        sa.Column("published", sa.BigInteger, nullable=False),
        sa.Column("published_note", sa.LargeBinary),
        sa.Column("fault", sa.Text),
    )
