"""A delivery keeps the address that it was released to, and can be sent again; each destination has a queue of its own."""

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
    op.execute(
        "UPDATE deliveries SET research_only = NOT EXISTS"
        " (SELECT 1 FROM runs WHERE runs.run_id = deliveries.run_id AND model_status <> 'reference')"
    )
    # An attempt was counted when it began, and is now when its job is enqueued: the job that waits has this number.
    op.execute("UPDATE deliveries SET attempts = attempts + 1 WHERE state = 'pending' OR reason_code = 'job-given-up'")
    # A result whose delivery failed was as failed as one that was never computed, and could not be sent again.
    op.execute("UPDATE runs SET state = 'undelivered' WHERE state = 'failed' AND released_by IS NOT NULL")
    _give_jobs_their_destination()
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.alter_column("ae_title", existing_type=sa.String(), server_default=None)
        batch_op.alter_column("host", existing_type=sa.String(), server_default=None)
        batch_op.alter_column("port", existing_type=sa.Integer(), server_default=None)
        batch_op.alter_column("research_only", existing_type=sa.Boolean(), server_default=None)
        batch_op.alter_column("began_at", existing_type=sa.DateTime(), nullable=False)


def _give_jobs_their_destination() -> None:
    """Put the engine's delivery jobs into their destination's partition: without one nothing takes them up."""
    connection = op.get_bind()
    schema = "dbos" if connection.dialect.name == "postgresql" else None
    if not sa.inspect(connection).has_table("workflow_status", schema=schema):
        return  # the first start: the engine makes its tables after ours
    names = ("workflow_uuid", "queue_name", "queue_partition_key")
    jobs = sa.table("workflow_status", *(sa.column(name) for name in names), schema=schema)
    deliveries = sa.table("deliveries", sa.column("delivery_id"), sa.column("destination"))
    for delivery in connection.execute(sa.select(deliveries)).all():
        connection.execute(
            sa.update(jobs)
            .where(
                jobs.c.queue_name == "delivery",
                jobs.c.queue_partition_key.is_(None),
                jobs.c.workflow_uuid.startswith(f"delivery/{delivery.delivery_id}/", autoescape=True),
            )
            .values(queue_partition_key=delivery.destination)
        )


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        for column in ("began_at", "research_only", "port", "host", "ae_title"):
            batch_op.drop_column(column)
