# SPDX-License-Identifier: Apache-2.0
"""Requests and the records that they got; unfinished runs over lists of URLs."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "ops_request",
        sa.Column("request", sa.String(120), primary_key=True),
        sa.Column("kind", sa.String(1), nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("expected", sa.String(64)),
        sa.Column("record", sa.String(80)),
    )
    op.create_index("ops_request_number", "ops_request", ["kind", "number"])
    op.create_table(
        "ops_list_run",
        sa.Column("list_sha256", sa.String(64), primary_key=True),
        sa.Column("run", sa.String(80), nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
    )
