# SPDX-License-Identifier: Apache-2.0
"""Acts on records: withdrawals, supersessions, corrections, redactions."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "act",
        sa.Column("record_id", sa.String(40), primary_key=True),
        sa.Column("statement_sha256", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
