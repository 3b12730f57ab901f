"""What reading a series gives: its volume, and the data sets that it came from."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom import Dataset

from models.volumes import Volume


@dataclass(frozen=True, slots=True, eq=False)
class SourceSeries:
    """A series that was read as one volume.

    Attributes
    ----------
    datasets
        Its instances, sorted by position along the slice normal, so that ``datasets[k]`` holds ``volume.values[k]``.
    volume
        The rescaled values, float32, in the source's own frame of reference (LPS, mm).
    """

    datasets: tuple[Dataset, ...]
    volume: Volume

    @property
    def header(self) -> Dataset:
        """The first instance, for what all instances of a series share (patient, study, series, frame, equipment)."""
        return self.datasets[0]
