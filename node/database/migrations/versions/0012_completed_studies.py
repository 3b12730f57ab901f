"""A person may declare that nothing more of a study will come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("studies") as table:
        table.add_column(sa.Column("completed_at", sa.DateTime(), nullable=True))


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("studies") as table:
        table.drop_column("completed_at")
