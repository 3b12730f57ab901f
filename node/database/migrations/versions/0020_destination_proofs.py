"""What came of the acceptance object at a destination."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "destination_proofs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("destination", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("profile_name", sa.String(), nullable=True),
        sa.Column("profile", sa.JSON(), nullable=False),
        sa.Column("way", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("study_uid", sa.String(), nullable=False),
        sa.Column("proved_by", sa.String(), nullable=False),
        sa.Column("proved_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destination_proofs")),
    )
    op.create_index("ix_destination_proofs_destination", "destination_proofs", ["destination", "proved_at"])


def downgrade() -> None:
    """Undo."""
    op.drop_index("ix_destination_proofs_destination", table_name="destination_proofs")
    op.drop_table("destination_proofs")
