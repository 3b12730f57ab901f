"""An object of a delivery that its destination does not want is recorded, and not sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; until now every object of a delivery was sent."""
    with op.batch_alter_table("delivery_items") as table:
        table.add_column(sa.Column("wanted", sa.Boolean(), server_default=sa.true(), nullable=False))
    with op.batch_alter_table("delivery_items") as table:
        table.alter_column("wanted", server_default=None)


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("delivery_items") as table:
        table.drop_column("wanted")
