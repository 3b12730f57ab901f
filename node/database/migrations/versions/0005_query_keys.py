"""The catalogue holds what a query must answer; rows of before stay empty until the catalogue is rebuilt."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_COLUMNS = {
    "patients": ("sex",),
    "studies": ("study_date", "study_time", "accession_number", "study_id", "description", "referring_physician"),
    "series": (
        "series_number",
        "description",
        "series_date",
        "series_time",
        "body_part",
        "protocol_name",
        "frame_of_reference_uid",
        "performed_start_date",
        "performed_start_time",
    ),
    "instances": ("instance_number", "number_of_frames", "content_date", "content_time"),
}
_INDEXES = (
    ("ix_patients_name", "patients", "name"),
    ("ix_studies_study_date", "studies", "study_date"),
    ("ix_studies_accession_number", "studies", "accession_number"),
)


def upgrade() -> None:
    """Apply."""
    for table, columns in _COLUMNS.items():
        for column in columns:
            # Added and not copied: SQLite keeps the table as it is.
            op.add_column(table, sa.Column(column, sa.String(), nullable=False, server_default=""))
    for name, table, column in _INDEXES:
        op.create_index(name, table, [column])


def downgrade() -> None:
    """Undo."""
    for name, table, _column in _INDEXES:
        op.drop_index(name, table)
    for table, columns in _COLUMNS.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column in columns:
                batch_op.drop_column(column)
