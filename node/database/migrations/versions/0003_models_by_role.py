"""A run has models by role, the pipeline's options and a planning profile."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_OLD = ("model_name", "model_version", "model_sha256", "model_status")


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("models", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("configuration", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("profile", sa.JSON(), nullable=False, server_default="{}"))
    runs = sa.table("runs", sa.column("run_id"), sa.column("models", sa.JSON()), *(sa.column(name) for name in _OLD))
    connection = op.get_bind()
    for run in connection.execute(sa.select(runs)).mappings().all():
        # The only pipeline that there was had one model, its generator.
        models = {"generator": {name.removeprefix("model_"): run[name] for name in _OLD}}
        connection.execute(sa.update(runs).where(runs.c.run_id == run["run_id"]).values(models=models))
    with op.batch_alter_table("runs", schema=None) as batch_op:
        for name in ("models", "configuration", "profile"):
            batch_op.alter_column(name, existing_type=sa.JSON(), server_default=None)
        for name in _OLD:
            batch_op.drop_column(name)


def downgrade() -> None:
    """Undo; of several models one stays."""
    with op.batch_alter_table("runs", schema=None) as batch_op:
        for name in _OLD:
            batch_op.add_column(sa.Column(name, sa.String(), nullable=False, server_default=""))
    runs = sa.table("runs", sa.column("run_id"), sa.column("models"), *(sa.column(name) for name in _OLD))
    connection = op.get_bind()
    for run in connection.execute(sa.select(runs)).mappings().all():
        models = json.loads(run["models"]) if isinstance(run["models"], str) else run["models"]
        _, model = min(models.items())
        values = {f"model_{name}": value for name, value in model.items()}
        connection.execute(sa.update(runs).where(runs.c.run_id == run["run_id"]).values(**values))
    with op.batch_alter_table("runs", schema=None) as batch_op:
        for name in _OLD:
            batch_op.alter_column(name, existing_type=sa.String(), server_default=None)
        for name in ("models", "configuration", "profile"):
            batch_op.drop_column(name)
