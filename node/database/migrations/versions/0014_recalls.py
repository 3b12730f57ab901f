"""A result that was delivered can be recalled: why, the note that rejects it, and the deliveries of that note."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; every delivery so far was of a result."""
    op.create_table(
        "recalls",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("recalled_at", sa.DateTime(), nullable=False),
        sa.Column("recalled_by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("for_safety", sa.Boolean(), nullable=False),
        sa.Column("replaced_by", sa.String(), nullable=True),
        sa.Column("sop_instance_uid", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_recalls_run_id_runs")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_recalls")),
    )
    with op.batch_alter_table("deliveries") as table:
        table.add_column(sa.Column("purpose", sa.String(), server_default="result", nullable=False))
    with op.batch_alter_table("deliveries") as table:
        table.alter_column("purpose", existing_type=sa.String(), server_default=None)
        table.drop_constraint(op.f("uq_deliveries_run_id"), type_="unique")
        table.create_unique_constraint(op.f("uq_deliveries_run_id"), ["run_id", "destination", "purpose"])


def downgrade() -> None:
    """Undo."""
    op.execute(
        "DELETE FROM delivery_items WHERE delivery_id IN"
        " (SELECT delivery_id FROM deliveries WHERE purpose = 'rejection')"
    )
    op.execute("DELETE FROM deliveries WHERE purpose = 'rejection'")
    with op.batch_alter_table("deliveries") as table:
        table.drop_constraint(op.f("uq_deliveries_run_id"), type_="unique")
        table.create_unique_constraint(op.f("uq_deliveries_run_id"), ["run_id", "destination"])
        table.drop_column("purpose")
    op.drop_table("recalls")
