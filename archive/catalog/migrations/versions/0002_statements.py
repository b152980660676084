# SPDX-License-Identifier: Apache-2.0
"""Statements over content files, and what they concern."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "statement",
        sa.Column("statement_sha256", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("content_sha256", sa.String(64), nullable=False),
        sa.Column("made_at", sa.String(27), nullable=False),
        sa.Column("envelope_key", sa.Text, nullable=False),
        sa.Column("envelope_sha256", sa.String(64), nullable=False),
    )
    op.create_index("statement_kind", "statement", ["kind", "made_at"])
    op.create_table(
        "statement_about",
        sa.Column(
            "statement_sha256",
            sa.String(64),
            sa.ForeignKey("statement.statement_sha256"),
            primary_key=True,
        ),
        sa.Column("concerns", sa.String(80), primary_key=True),
    )
    op.create_index("statement_about_concerns", "statement_about", ["concerns"])
