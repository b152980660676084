# SPDX-License-Identifier: Apache-2.0
"""The first schema: keysets, captures, parts, observations, ID sequences, API keys."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "keyset",
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("statement_sha256", sa.String(64), nullable=False, unique=True),
        sa.Column("content_sha256", sa.String(64), nullable=False),
    )
    op.create_table(
        "container",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("size", sa.Integer, nullable=False),
    )
    op.create_table(
        "capture",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("id", sa.String(40), nullable=False, unique=True),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("final_url", sa.Text, nullable=False),
        sa.Column("vantage", sa.Text, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("captured_at", sa.String(27), nullable=False),
        sa.Column("title", sa.Text),
        sa.Column("body_record_id", sa.Text),
        sa.Column("container_sha256", sa.String(64), nullable=False),
        sa.Column("inventory_sha256", sa.String(64), nullable=False),
        sa.Column("statement_sha256", sa.String(64), nullable=False, unique=True),
        sa.Column("envelope_key", sa.Text, nullable=False),
        sa.Column("envelope_sha256", sa.String(64), nullable=False),
        sa.Column("record_json", sa.LargeBinary, nullable=False),
        sa.Column("record_sha256", sa.String(64), nullable=False),
    )
    op.create_index("capture_url", "capture", ["url"], postgresql_using="hash")
    op.create_index("capture_container", "capture", ["container_sha256"])
    op.create_index("capture_inventory", "capture", ["inventory_sha256"])
    op.create_index("capture_envelope", "capture", ["envelope_sha256"])
    op.create_table(
        "part",
        sa.Column("capture_number", sa.Integer, sa.ForeignKey("capture.number"), primary_key=True),
        sa.Column("role", sa.String(16), primary_key=True),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String(64)),
        sa.Column("sha1", sa.String(32)),
        sa.Column("commitment", sa.String(64)),
        sa.Column("container_sha256", sa.String(64), nullable=False),
        sa.Column("offset", sa.Integer, nullable=False),
        sa.Column("length", sa.Integer, nullable=False),
        sa.Column("record_id", sa.Text, nullable=False),
        sa.Column("record_sha256", sa.String(64), nullable=False),
    )
    op.create_index("part_sha256", "part", ["sha256"])
    op.create_table(
        "observation",
        sa.Column("statement_sha256", sa.String(64), primary_key=True),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("vantage", sa.Text, nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("observed_at", sa.String(27), nullable=False),
        sa.Column("inventory_sha256", sa.String(64), nullable=False),
        sa.Column("envelope_key", sa.Text, nullable=False),
        sa.Column("envelope_sha256", sa.String(64), nullable=False),
    )
    op.create_index("observation_url", "observation", ["url"], postgresql_using="hash")
    op.create_table(
        "id_sequence",
        sa.Column("kind", sa.String(1), primary_key=True),
        sa.Column("next_number", sa.Integer, nullable=False),
    )
    op.create_table(
        "ops_reservation",
        sa.Column("kind", sa.String(1), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("reserved_at", sa.String(27), nullable=False),
        sa.Column("is_void", sa.Integer, nullable=False),
    )
    op.create_table(
        "ops_api_key",
        sa.Column("key_id", sa.String(16), primary_key=True),
        sa.Column("secret_sha256", sa.String(64), nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
