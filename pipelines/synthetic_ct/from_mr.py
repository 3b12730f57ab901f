"""Synthetic CT from one MR series, for MR-only radiotherapy: air outside the MR's body, contours, axial CT images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

from models.inference import Prediction
from models.volumes import Volume
from pipelines.checks.inputs import check_inputs
from pipelines.checks.objects import check_image_series
from pipelines.checks.synthetic_ct import SyntheticCt, SyntheticCtLimits, check_synthetic_ct
from pipelines.contract import Check, Declaration, Verdict
from pipelines.geometry.margin import Margin, air_margin, pad, pad_mask
from pipelines.geometry.posture import Posture, posture
from pipelines.geometry.target import TargetGrid, axial_target, thinned
from pipelines.masks.body import ct_body, mr_body
from pipelines.masks.bone import bone_mask
from pipelines.measurements import Measurements, hu_distributions, region_volumes
from pipelines.objects.codes import SOURCE_FIELD
from pipelines.objects.ct import synthetic_ct_series
from pipelines.objects.parametric_map import uncertainty_map
from pipelines.objects.rtstruct import SOURCE_FIELD_ROI, Roi, structure_set
from pipelines.previews.presenter import Presenter
from pipelines.synthesis import Case, Inputs

_FIGURES = {
    "mae_body": "MAE in body, HU",
    "mae_soft": "MAE in soft tissue, HU",
    "mae_bone": "MAE in bone, HU",
    "dice_bone": "Dice of bone",
}

AIR_WITHIN_HU = -400.0
"""HU below which a voxel of the body counts as air: half-way from air to fat and water."""


@dataclass(frozen=True, slots=True)
class Site:
    """What a part of the body gives to its pipeline.

    Attributes
    ----------
    picture_title
        What the montage shows, e.g. ``CT of the head``.
    body_part
        BodyPartExamined of what is written where the source states none that is unpaired.
    body_parts
        Names of `pipelines.headers.body_part` that are accepted.
    limits
        Of the checks of the synthetic CT.
    rois
        Draws the regions of the structure set; none of them may be empty.
    derived
        Verdict on images that other software made from the scanner's, such as bias-corrected or resampled ones.
    """

    picture_title: str
    body_part: str
    body_parts: tuple[str, ...]
    limits: SyntheticCtLimits
    rois: Callable[[SyntheticCt], tuple[Roi, ...]]
    derived: Verdict = Verdict.REJECT


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """A synthetic CT with its regions, and what the picture shows beside it, all on the grid that is written."""

    ct: SyntheticCt
    rois: tuple[Roi, ...]
    uncertainty: Volume | None


@dataclass(frozen=True, slots=True)
class SyntheticCtFromMr:
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
        """Errors of HU and the overlap of bone."""
        return _FIGURES

    def check_inputs(self, inputs: Inputs) -> tuple[Check, ...]:
        """Compare the series with the model's card and with the site."""
        return check_inputs(inputs.by_input(), inputs.package, self.site.body_parts, self.site.derived)

    def choose_target(self, case: Case) -> TargetGrid:
        """Return the axial grid over the MR's field in the model's voxel size."""
        return axial_target(case.reference.volume.grid, case.package.card.output.voxel_mm)

    def make(self, case: Case, prediction: Prediction, target: TargetGrid) -> Product:
        """Return the synthetic CT with air outside the MR's body, its masks and regions."""
        (seen,) = prediction.resampled.values()
        air_hu, profile = case.package.card.output.outside, case.run.profile
        margin = air_margin(target.grid, profile.air_margin_mm, profile.square_matrix)
        raw, resampled = thinned(prediction.synthetic, target.slice_stride), thinned(seen, target.slice_stride)
        # On the grid without the margin, so that a profile's margin changes no outline and no HU in it.
        inside = case.reference.field_on(raw.grid)
        body = mr_body(resampled, inside)
        hu = Volume(np.where(body, raw.values, np.float32(air_hu)), raw.grid)
        ct = SyntheticCt(
            mr=pad(resampled, margin, 0.0),
            raw=pad(raw, margin, air_hu),
            hu=pad(hu, margin, air_hu),
            body=pad_mask(body, margin),
            raw_body=pad_mask(ct_body(raw, inside), margin),
            bone=pad_mask(bone_mask(hu, body), margin),
            inside=pad_mask(inside, margin),
        )
        return Product(ct, _with_field(self.site.rois(ct), ct), _uncertainty(prediction, target, margin, ct))

    def encode(self, case: Case, made: Product) -> tuple[Dataset, ...]:
        """Return the CT images, their structure set, and the uncertainty where the model states one."""
        source, run = case.reference, case.run
        prone = posture(str(source.header.PatientPosition)) is Posture.PRONE
        images = synthetic_ct_series(
            made.ct.hu,
            source,
            run,
            case.digest,
            resampled=True,
            prone=prone,
            body_part=self.site.body_part,
            others=case.others,
        )
        structures = structure_set(made.rois, images, made.ct.hu.grid, source, run, case.digest, case.others)
        if made.uncertainty is None:
            return (*images, structures)
        uncertainty = uncertainty_map(
            made.uncertainty, source, run, case.digest, body_part=self.site.body_part, others=case.others
        )
        return (*images, structures, uncertainty)

    def measure(self, case: Case, made: Product) -> Measurements:
        """Return the volumes of the regions, and the HU of air within the body, soft tissue and bone."""
        ct = made.ct
        air = ct.body & (ct.hu.values < AIR_WITHIN_HU)
        tissues = {"air within": air, "soft tissue": ct.body & ~air & ~ct.bone, "bone": ct.bone}
        return Measurements(region_volumes(made.rois, ct.hu.grid), hu_distributions(ct.hu, tissues))

    def check_outputs(
        self, case: Case, made: Product, target: TargetGrid, objects: Sequence[Dataset]
    ) -> tuple[Check, ...]:
        """Check the HU and masks, and the images as a receiver reads them."""
        source, air_hu = case.reference, case.package.card.output.outside
        images = [dataset for dataset in objects if dataset.Modality == self.declaration.outputs[0]]
        return (
            *check_synthetic_ct(made.ct, source.volume.grid, target, air_hu, self.site.limits),
            *check_image_series(images, source, made.ct.hu),
        )

    def draw(self, made: Product, presenter: Presenter) -> bytes:
        """Return the montage of MR, synthetic CT, contours and uncertainty."""
        return presenter.picture(self.site.picture_title, made.ct.mr, made.ct.hu, made.rois, made.uncertainty)


def _with_field(rois: tuple[Roi, ...], ct: SyntheticCt) -> tuple[Roi, ...]:
    """Return `rois` and the region that the MR covers: what lies outside was written as air, and nobody saw it."""
    number = max(roi.number for roi in rois) + 1
    return (*rois, Roi(number, SOURCE_FIELD_ROI, ct.inside, "", SOURCE_FIELD, (90, 150, 255)))


def _uncertainty(prediction: Prediction, target: TargetGrid, margin: Margin, ct: SyntheticCt) -> Volume | None:
    """Return the uncertainty in the body: outside it what is written is air by rule."""
    if prediction.uncertainty is None:
        return None
    scale = pad(thinned(prediction.uncertainty, target.slice_stride), margin, 0.0)
    return Volume(np.where(ct.body, scale.values, np.float32(np.nan)), scale.grid)
