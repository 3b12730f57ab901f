"""A delivery's address is one text: an application entity, a DICOMweb service or a folder."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("deliveries") as table:
        table.add_column(sa.Column("address", sa.String(), nullable=False, server_default=""))
    op.execute(
        "UPDATE deliveries SET address = ae_title || '@' || host || ':' || CAST(port AS VARCHAR) WHERE ae_title <> ''"
    )
    with op.batch_alter_table("deliveries") as table:
        table.alter_column("address", existing_type=sa.String(), server_default=None)
        for column in ("ae_title", "host", "port"):
            table.drop_column(column)


def downgrade() -> None:
    """Undo; where a delivery went to is asked of the settings again, so nothing is sent until a person says so."""
    with op.batch_alter_table("deliveries") as table:
        table.add_column(sa.Column("ae_title", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("host", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("port", sa.Integer(), nullable=False, server_default="0"))
        table.drop_column("address")
