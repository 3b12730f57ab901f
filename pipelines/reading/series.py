"""What reading a series gives: its volume, and the data sets that it came from."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom import Dataset

from models.volumes import Volume
from pipelines.headers import Header
from pipelines.headers.series import common_header


@dataclass(frozen=True, slots=True, eq=False)
class SourceSeries:
    """A series that was read as one volume.

    Attributes
    ----------
    datasets
        Its instances, sorted by position along the slice normal, so that ``datasets[k]`` holds ``volume.values[k]``.
    set_aside
        What of the series was no part of the volume, in words; empty where nothing was.
    volume
        The rescaled values, float32, in the source's own frame of reference (LPS, mm).
    """

    datasets: tuple[Dataset, ...]
    volume: Volume
    set_aside: str = ""

    @property
    def header(self) -> Dataset:
        """The first instance, for what all instances of a series share (patient, study, series, frame, equipment)."""
        return self.datasets[0]

    @property
    def stated(self) -> Header:
        """What the instances' headers agree in, whatever their order."""
        return common_header([Header.from_dataset(dataset) for dataset in self.datasets])
