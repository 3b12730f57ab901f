"""A run knows whether its rule asks for automatic release; models are approved for it by hash."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; every result so far was to be held."""
    op.create_table(
        "model_approvals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("approved_at", sa.DateTime(), nullable=False),
        sa.Column("withdrawn_by", sa.String(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_approvals")),
    )
    op.create_index(op.f("ix_model_approvals_sha256"), "model_approvals", ["sha256"])
    with op.batch_alter_table("runs") as table:
        table.add_column(sa.Column("release_policy", sa.String(), server_default="hold", nullable=False))
    with op.batch_alter_table("runs") as table:
        table.alter_column("release_policy", existing_type=sa.String(), server_default=None)


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("runs") as table:
        table.drop_column("release_policy")
    op.drop_table("model_approvals")
