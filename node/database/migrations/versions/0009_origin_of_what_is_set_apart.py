"""What is set apart says where it comes from: an object of the node's own that a peer altered is no input of its study."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("quarantine", schema=None) as batch_op:
        batch_op.add_column(sa.Column("origin", sa.String(), nullable=False, server_default="received"))
    op.execute(
        "UPDATE quarantine SET origin = "
        "(SELECT origin FROM instances WHERE instances.sop_instance_uid = quarantine.sop_instance_uid) "
        "WHERE sop_instance_uid IN (SELECT sop_instance_uid FROM instances)"
    )
    with op.batch_alter_table("quarantine", schema=None) as batch_op:
        batch_op.alter_column("origin", server_default=None)


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("quarantine", schema=None) as batch_op:
        batch_op.drop_column("origin")
