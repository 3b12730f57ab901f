"""What the node watches by the clock, and how it was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "watched",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("failing", sa.Boolean(), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("reason_code", sa.String(), nullable=True),
        sa.Column("reason_parameters", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_watched")),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("watched")
