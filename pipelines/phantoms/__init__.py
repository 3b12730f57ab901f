"""Made patients: phantoms written as the series that a scanner would send. Never a real person's."""

from pipelines.phantoms.head import head_series, head_truth, sagittal_grid
from pipelines.phantoms.series import PhantomPatient, Protocol, ct_series, mr_series, write_series

__all__ = [
    "PhantomPatient",
    "Protocol",
    "ct_series",
    "head_series",
    "head_truth",
    "mr_series",
    "sagittal_grid",
    "write_series",
]
