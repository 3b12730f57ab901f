"""What reading a series gives: its volume, and the data sets that it came from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from models.fov import inside_fov
from models.volumes import Grid, Volume
from pipelines.geometry.tilt import Leaning
from pipelines.headers import Header
from pipelines.headers.parts import SeriesParts
from pipelines.headers.series import Spread, common_header, spread


@dataclass(frozen=True, slots=True, eq=False)
class SourceSeries:
    """A series that was read as one volume.

    Attributes
    ----------
    datasets
        The headers of its images or frames, sorted by position along the slice normal, so that ``datasets[k]`` is
        that of ``volume.values[k]``. Of an enhanced object's frames each has the object's UIDs, and
        `pipelines.headers.functional_groups.frame_number` says which it is.
    volume
        The rescaled values, float32, in the source's own frame of reference (LPS, mm).
    parts
        Which of the instances that were given are the volume's, and which lay beside it and were set aside.
    tilt_degrees
        By how much the slices leaned (gantry tilt) before they were resampled to the upright `volume`; 0: not at all,
        and the volume's values are those that were sent.
    leaning
        The slices as they leaned; None where they did not.
    """

    datasets: tuple[Dataset, ...]
    volume: Volume
    parts: SeriesParts = field(default=SeriesParts(()))
    tilt_degrees: float = 0.0
    leaning: Leaning | None = None

    def field_on(self, target: Grid) -> npt.NDArray[np.bool_]:
        """Return which voxel centres of `target` were acquired, as a boolean array of ``target.shape``.

        Of slices that leaned, the corners that make the upright `volume` whole are padding and were not.
        """
        return inside_fov(self.volume.grid, target) if self.leaning is None else self.leaning.inside(target)

    @property
    def header(self) -> Dataset:
        """The first instance, for what all instances of a series share (patient, study, series, frame, equipment)."""
        return self.datasets[0]

    @property
    def stated(self) -> Header:
        """What the instances' headers agree in, whatever their order."""
        return common_header([Header.from_dataset(dataset) for dataset in self.datasets])

    def spread(self, keyword: str) -> Spread:
        """Return what the instances say of one attribute, and how many say what."""
        return spread([Header.from_dataset(dataset) for dataset in self.datasets], keyword)
