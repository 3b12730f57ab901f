"""A delivery keeps the address that it was released to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        # Of a delivery that was released before, the address is not known: it is not sent until a person says so again.
        batch_op.add_column(sa.Column("ae_title", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("host", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("port", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("research_only", sa.Boolean(), nullable=False, server_default=sa.true()))
        batch_op.add_column(sa.Column("began_at", sa.DateTime(), nullable=True))
    op.execute("UPDATE deliveries SET began_at = created_at")
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.alter_column("ae_title", existing_type=sa.String(), server_default=None)
        batch_op.alter_column("host", existing_type=sa.String(), server_default=None)
        batch_op.alter_column("port", existing_type=sa.Integer(), server_default=None)
        batch_op.alter_column("research_only", existing_type=sa.Boolean(), server_default=None)
        batch_op.alter_column("began_at", existing_type=sa.DateTime(), nullable=False)


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        for column in ("began_at", "research_only", "port", "host", "ae_title"):
            batch_op.drop_column(column)
