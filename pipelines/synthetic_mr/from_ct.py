"""Synthetic MR from CT, for reading beside it: no signal outside the body, a mark in a corner, a classic MR series."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from models.inference import Prediction
from models.volumes import Volume
from pipelines.checks.inputs import check_inputs
from pipelines.checks.synthetic_mr import SyntheticMr, SyntheticMrLimits, check_mr_images, check_synthetic_mr
from pipelines.contract import Check, Declaration, Reason, RunIdentity, Verdict
from pipelines.geometry.target import TargetGrid, axial_target
from pipelines.masks.body import ct_body
from pipelines.measurements import Measurements, region_volumes
from pipelines.objects.codes import EXTERNAL
from pipelines.objects.corner_mark import with_corner_mark
from pipelines.objects.mr import synthetic_mr_series
from pipelines.objects.rtstruct import Roi
from pipelines.previews.presenter import Presenter
from pipelines.reading.series import SourceSeries
from pipelines.synthesis import Case, Inputs

_FIGURES = {"mae_body": "MAE in body", "psnr": "PSNR, dB", "ssim": "SSIM"}

Cut = Callable[[Volume, RunIdentity], Volume]
"""Cuts an axial volume as the written series is to be read."""


@dataclass(frozen=True, slots=True)
class Site:
    """What a part of the body gives to its pipeline.

    Attributes
    ----------
    picture_title
        What the montage shows, e.g. ``MR of the lumbar spine``.
    body_part
        BodyPartExamined of what is written where the source states none that is unpaired.
    body_parts
        Names of `pipelines.headers.body_part` that are accepted.
    limits
        Of the checks of the synthetic MR.
    cut
        How the series is read.
    corner_mark
        Lines that are burnt into a corner of every image.
    remark
        What each image says of itself (ImageComments): what of it cannot be known from CT.
    remark_code
        The check that lays the same before the person who releases, as a REVIEW: see `pipelines.reasons`.
    check_source
        What is asked of the CT beyond the card and the part of the body.
    """

    picture_title: str
    body_part: str
    body_parts: tuple[str, ...]
    limits: SyntheticMrLimits
    cut: Cut
    corner_mark: tuple[str, ...]
    remark: str
    remark_code: str
    check_source: Callable[[SourceSeries], tuple[Check, ...]] = lambda source: ()


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """A synthetic MR on the grid that it was computed on, and as it is written.

    Attributes
    ----------
    mr
        On the axial grid.
    written
        As the series is read, with the corner mark.
    mark
        Where the mark is on it.
    body
        The body on it, without any voxel of the mark.
    """

    mr: SyntheticMr
    written: Volume
    mark: npt.NDArray[np.bool_]
    body: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SyntheticMrFromCt:
    """A `pipelines.synthesis.Synthesis`: what all sites have in common.

    Attributes
    ----------
    declaration
        Of the pipeline.
    site
        What this part of the body gives.
    """

    declaration: Declaration
    site: Site

    @property
    def figures(self) -> Mapping[str, str]:
        """Differences of signal."""
        return _FIGURES

    def check_inputs(self, inputs: Inputs) -> tuple[Check, ...]:
        """Compare the series with the model's card and with the site."""
        of_card = check_inputs(inputs.by_input(), inputs.package, self.site.body_parts)
        return (*of_card, *self.site.check_source(inputs.reference))

    def choose_target(self, case: Case) -> TargetGrid:
        """Return the axial grid over the CT's field in the model's voxel size; all of its slices are cut anew."""
        return TargetGrid(axial_target(case.reference.volume.grid, case.package.card.output.voxel_mm).grid, 1)

    def make(self, case: Case, prediction: Prediction, target: TargetGrid) -> Product:
        """Return the synthetic MR without signal outside the CT's body, and as it is written."""
        ct, raw = next(iter(prediction.resampled.values())), prediction.synthetic
        inside = case.reference.field_on(raw.grid)
        body = ct_body(ct, inside)
        signal = Volume(np.where(body, np.maximum(raw.values, np.float32(0)), np.float32(0)), raw.grid)
        cut = self.site.cut(signal, case.run)
        # A slice that holds some of the body belongs to it: the mark must leave it alone.
        share = self.site.cut(Volume(body.astype(np.float32), raw.grid), case.run)
        written, mark = with_corner_mark(cut, share.values > 0, self.site.corner_mark)
        over = np.zeros(written.grid.shape, dtype=bool)
        over[:, : share.grid.size[1], : share.grid.size[0]] = share.values > 0
        return Product(SyntheticMr(ct, signal, body, inside), written, mark, over)

    def encode(self, case: Case, made: Product) -> tuple[Dataset, ...]:
        """Return the MR images."""
        return synthetic_mr_series(
            made.written,
            case.reference,
            case.run,
            case.digest,
            resampled=True,
            body_part=self.site.body_part,
            others=case.others,
            comment=self.site.remark,
        )

    def measure(self, case: Case, made: Product) -> Measurements:
        """Return the volume of the body that was seen; the signal has no unit to state it in."""
        return Measurements(region_volumes((_body(made),), made.mr.signal.grid))

    def check_outputs(
        self, case: Case, made: Product, target: TargetGrid, objects: Sequence[Dataset]
    ) -> tuple[Check, ...]:
        """Check the signal, the mark, and the images as a receiver reads them; say what is simulated."""
        return (
            Check(self.site.remark_code, Verdict.REVIEW, Reason(self.site.remark_code)),
            _check_mark(made),
            *check_synthetic_mr(made.mr, self.site.limits),
            *check_mr_images(objects, case.reference, made.written),
        )

    def draw(self, made: Product, presenter: Presenter) -> bytes:
        """Return the montage of CT and synthetic MR."""
        return presenter.picture_of_mr(self.site.picture_title, made.mr.ct, made.mr.signal, (_body(made),))


def _body(made: Product) -> Roi:
    return Roi(1, "External", made.mr.body, "EXTERNAL", EXTERNAL, (0, 200, 0))


def _check_mark(made: Product) -> Check:
    """Check that every image has the mark, and that it hides no anatomy."""
    marked = bool(made.mark.any(axis=(1, 2)).all()) and bool((made.written.values[made.mark] > 0).all())
    hidden = int((made.mark & made.body).sum())
    found = "in every image" if marked else "not in every image"
    return Check(
        "corner-mark",
        Verdict.PASS if marked and not hidden else Verdict.REJECT,
        Reason(
            "corner-mark",
            {"found": f"{found}, over {hidden} voxels of the body", "accepted": "in every image, over none"},
        ),
        overridable=False,
    )
