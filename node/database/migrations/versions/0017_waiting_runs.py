"""Runs have a class of urgency and wait by name while they may not start; pauses are kept here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; every attempt of a run after its first was a passing fault's until now."""
    op.create_table(
        "pauses",
        sa.Column("pipeline", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("pipeline", name=op.f("pk_pauses")),
    )
    with op.batch_alter_table("runs") as table:
        table.add_column(sa.Column("priority", sa.String(), server_default="ROUTINE", nullable=False))
        table.add_column(sa.Column("postponed", sa.Integer(), server_default="0", nullable=False))
    op.execute("UPDATE runs SET postponed = attempts - 1 WHERE attempts > 1")
    with op.batch_alter_table("runs") as table:
        table.alter_column("priority", server_default=None)
        table.alter_column("postponed", server_default=None)


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("runs") as table:
        table.drop_column("postponed")
        table.drop_column("priority")
    op.drop_table("pauses")
