"""A destination may be asked to commit to what it stored."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("deliveries") as table:
        table.add_column(sa.Column("commitment_uid", sa.String(), nullable=True))
        table.add_column(sa.Column("commitment_asked_at", sa.DateTime(), nullable=True))
        table.add_column(sa.Column("committed_at", sa.DateTime(), nullable=True))
        table.add_column(sa.Column("commitment_failures", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("deliveries") as table:
        table.alter_column("commitment_failures", existing_type=sa.Integer(), server_default=None)


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("deliveries") as table:
        for column in ("commitment_failures", "committed_at", "commitment_asked_at", "commitment_uid"):
            table.drop_column(column)
