"""Rule sets are kept as versions, and which of them decides; a decision names its version by number too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; decisions until now were made by a file, which has no number."""
    op.create_table(
        "rules_versions",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("parsed", sa.JSON(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("imported_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_rules_versions")),
        sa.UniqueConstraint("sha256", name=op.f("uq_rules_versions_sha256")),
    )
    op.create_table(
        "rules_activations",
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("replaced", sa.Integer(), nullable=True),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("activated_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["number"], ["rules_versions.number"], name=op.f("fk_rules_activations_number_rules_versions")
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_rules_activations")),
    )
    with op.batch_alter_table("decisions") as table:
        table.add_column(sa.Column("ruleset_number", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("decisions") as table:
        table.drop_column("ruleset_number")
    op.drop_table("rules_activations")
    op.drop_table("rules_versions")
