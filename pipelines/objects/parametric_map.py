"""Parametric Map Storage (PS3.3 A.75): the uncertainty of a synthetic CT, one multi-frame instance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from highdicom import VOILUTTransformation
from highdicom.pm import ParametricMap, RealWorldValueMapping
from pydicom import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian

from models.volumes import Array, Volume
from pipelines.contract import RunIdentity
from pipelines.errors import UnfitObject
from pipelines.objects.codes import HOUNSFIELD_UNIT, LAPLACE_SCALE, UNCERTAINTY, coded
from pipelines.objects.modules.series import patient_in_series, series_module
from pipelines.objects.multiframe import complete, placed, study_of
from pipelines.objects.provenance import Derivation, source_images
from pipelines.objects.uids import derive
from pipelines.reading.series import SourceSeries

STEP_HU = 0.1
"""HU of one stored value, finer than any calibration is worth; ten times as much where 6553.5 HU are too few."""

NO_VALUE = 0
"""Stored where there is no uncertainty. The mapping begins at 1 (PS3.3 C.7.6.16.2.11): no reader takes it for 0 HU."""

_LARGEST = 65535


def uncertainty_map(
    uncertainty: Volume,
    source: SourceSeries,
    run: RunIdentity,
    digest: str,
    *,
    body_part: str,
    others: Sequence[SourceSeries] = (),
) -> Dataset:
    """Return the uncertainty of a synthetic CT in the source's frame of reference.

    Parameters
    ----------
    uncertainty
        Scale of a Laplace distribution around each HU, in HU, not negative; NaN where there is none.
    source
        The series that the CT was computed from.
    run, digest
        What computed, and the run's digest, which UIDs follow from.
    body_part
        BodyPartExamined where the source states none that is unpaired.
    others
        Further series that it was computed from.

    Raises
    ------
    UnfitObject
        ``object-uncertainty-negative``, ``object-values-not-finite``; or attributes of the source make no whole object.

    Notes
    -----
    Sixteen-bit integers take half the room of floating-point pixels, and more readers know them.
    """
    step = step_for(uncertainty.values)
    stored = stored_uncertainty(uncertainty.values, step)
    sources = (source, *others)
    made = ParametricMap(
        source_images=[study_of(source, uncertainty.grid)],
        pixel_array=placed(stored, uncertainty.grid, source),
        series_instance_uid=derive(digest, "uncertainty-series"),
        series_number=1,
        sop_instance_uid=derive(digest, "uncertainty"),
        instance_number=1,
        manufacturer=run.profile.manufacturer,
        manufacturer_model_name=run.profile.model_name,
        software_versions=run.software_version,
        device_serial_number=run.profile.device_serial,
        contains_recognizable_visual_features=True,
        real_world_value_mappings=[
            RealWorldValueMapping(
                lut_label="UNCERTAINTY_HU",
                lut_explanation="Scale of a Laplace distribution around each HU; 0: none",
                unit=HOUNSFIELD_UNIT,
                value_range=(NO_VALUE + 1, _LARGEST),
                slope=step,
                intercept=0.0,
                quantity_definition=LAPLACE_SCALE,
            )
        ],
        voi_lut_transformations=[VOILUTTransformation(window_center=1000.0, window_width=2000.0)],
        transfer_syntax_uid=ExplicitVRLittleEndian,
        content_label="UNCERTAINTY",
        content_description="SYNTHETIC: uncertainty of a synthetic CT, HU",
    )
    for frame in made.PerFrameFunctionalGroupsSequence:
        frame.pop("DerivationImageSequence", None)
    derived_from = Dataset()
    derived_from.DerivationCodeSequence = coded(UNCERTAINTY)
    derived_from.update(source_images(sources))
    made.SharedFunctionalGroupsSequence[0].DerivationImageSequence = Items([derived_from])
    series = series_module(source, run, digest, "uncertainty-series", 2, "OT", "CT uncertainty")
    series.update(patient_in_series(source, body_part))
    derivation = Derivation(UNCERTAINTY, "uncertainty of a CT", sources, "an axial grid")
    return complete(made, series, "uncertainty", derivation, run, digest)


def step_for(uncertainty: Array) -> float:
    """Return the HU of one stored value: the least of 0.1, 1, 10 that holds the largest uncertainty."""
    known = uncertainty[~np.isnan(uncertainty)]
    largest = float(known.max()) if known.size else 0.0
    if np.isinf(largest):
        raise UnfitObject("object-values-not-finite", found=int(np.isinf(uncertainty).sum()))
    step = STEP_HU
    while largest / step > _LARGEST:
        step *= 10
    return step


def stored_uncertainty(uncertainty: Array, step: float = STEP_HU) -> npt.NDArray[np.uint16]:
    """Return the stored values of `uncertainty`: steps of HU, at least 1; NO_VALUE for NaN.

    Raises
    ------
    UnfitObject
        ``object-uncertainty-negative``.
    """
    known = ~np.isnan(uncertainty)
    if (uncertainty[known] < 0).any():
        raise UnfitObject("object-uncertainty-negative", found=float(uncertainty[known].min()))
    steps = np.maximum(np.rint(np.where(known, uncertainty, 0.0) / step), NO_VALUE + 1)
    return np.where(known, steps, NO_VALUE).astype(np.uint16)
