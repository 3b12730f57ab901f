"""Sizes, offsets and their sums pass 2 GiB, where PostgreSQL's integer ends."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("instances", "size"),
    ("quarantine", "size"),
    ("receipts", "size"),
    ("journal_positions", "sequence"),
    ("journal_positions", "offset"),
)


def upgrade() -> None:
    """Apply."""
    for table, column in _COLUMNS:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.alter_column(column, existing_type=sa.Integer(), type_=sa.BigInteger(), existing_nullable=False)


def downgrade() -> None:
    """Undo."""
    for table, column in _COLUMNS:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.alter_column(column, existing_type=sa.BigInteger(), type_=sa.Integer(), existing_nullable=False)
