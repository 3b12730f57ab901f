"""Organs at risk on a planning CT: contours on its own images, and the same masks as a segmentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from models.inference import Prediction
from models.volumes import Volume
from pipelines.checks.conclusion import conclude
from pipelines.checks.inputs import check_inputs
from pipelines.checks.organs import OrganLimits, check_organs
from pipelines.contract import Check, Declaration, Verdict
from pipelines.geometry.target import TargetGrid, axial_target
from pipelines.headers.functional_groups import frame_number
from pipelines.masks.body import ct_body
from pipelines.measurements import Measurements, region_volumes
from pipelines.objects.codes import EXTERNAL
from pipelines.objects.rtstruct import ON_CT, Roi, structure_set
from pipelines.objects.seg import Segment, segmentation
from pipelines.objects.solids import solid
from pipelines.organs.masks import FoundOrgan, find_organs
from pipelines.organs.names import Organ
from pipelines.previews.presenter import Presenter
from pipelines.reading.series import SourceSeries
from pipelines.synthesis import Case, Inputs

_FIGURES = {"dice": "Dice", "hd95": "HD95, mm", "surface_dice": "Surface Dice"}


@dataclass(frozen=True, slots=True)
class Site:
    """What a part of the body gives to its pipeline.

    Attributes
    ----------
    picture_title
        What the montage shows, e.g. ``contours of head and neck``.
    body_part
        BodyPartExamined of what is written where the source states none that is unpaired.
    body_parts
        Names of `pipelines.headers.body_part` that are accepted.
    organs
        Those that may be contoured; a model need not know all.
    limits
        Of the checks of what was found.
    """

    picture_title: str
    body_part: str
    body_parts: tuple[str, ...]
    organs: tuple[Organ, ...]
    limits: OrganLimits


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """What was found on a CT, on its own grid.

    Attributes
    ----------
    ct
        The CT as it came.
    body
        The patient's outline.
    organs
        What was found.
    expected
        What the model knows of the site's organs.
    """

    ct: Volume
    body: npt.NDArray[np.bool_]
    organs: tuple[FoundOrgan, ...]
    expected: tuple[Organ, ...]

    @property
    def rois(self) -> tuple[Roi, ...]:
        """The outline and the organs."""
        external = Roi(1, "External", self.body, "EXTERNAL", EXTERNAL, (0, 200, 0))
        organs = (
            Roi(number, one.organ.name, one.mask, "ORGAN", one.organ.code, one.organ.colour)
            for number, one in enumerate(self.organs, start=2)
        )
        return (external, *organs)


@dataclass(frozen=True, slots=True)
class OrgansFromCt:
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
        """Overlap with contours of people."""
        return _FIGURES

    def check_inputs(self, inputs: Inputs) -> tuple[Check, ...]:
        """Compare the series with the model's card and with the site; contours need its slices to be axial."""
        of_card = check_inputs(inputs.by_input(), inputs.package, self.site.body_parts, Verdict.REVIEW)
        return (*of_card, _check_axial(inputs.reference))

    def choose_target(self, case: Case) -> TargetGrid:
        """Return the axial grid over the CT's field in the model's voxel size."""
        return TargetGrid(axial_target(case.reference.volume.grid, case.package.card.output.voxel_mm).grid, 1)

    def make(self, case: Case, prediction: Prediction, target: TargetGrid) -> Product:
        """Return the organs on the CT's grid, and its outline."""
        assert prediction.confidence is not None  # the card's output is a segmentation
        ct, values = case.reference.volume, case.package.card.output.labels
        found = find_organs(prediction.synthetic, prediction.confidence, values, self.site.organs, ct.grid)
        body = solid(ct_body(ct, case.reference.field_on(ct.grid)))
        expected = tuple(organ for organ in self.site.organs if organ.name in values)
        return Product(ct, body, found, expected)

    def encode(self, case: Case, made: Product) -> tuple[Dataset, ...]:
        """Return the structure set on the CT's images, and the segmentation where an organ was found."""
        source, images, grid = case.reference, case.reference.datasets, made.ct.grid
        structures = structure_set(made.rois, images, grid, source, case.run, case.digest, case.others, ON_CT)
        if not made.organs:
            return (structures,)
        segments = [Segment(one.organ.name, one.mask, one.organ.code) for one in made.organs]
        return (
            structures,
            segmentation(
                segments,
                images,
                grid,
                source,
                case.run,
                case.digest,
                body_part=self.site.body_part,
                others=case.others,
            ),
        )

    def measure(self, case: Case, made: Product) -> Measurements:
        """Return the volumes of the outline and the organs; the CT's HU are the scanner's own."""
        return Measurements(region_volumes(made.rois, made.ct.grid))

    def check_outputs(
        self, case: Case, made: Product, target: TargetGrid, objects: Sequence[Dataset]
    ) -> tuple[Check, ...]:
        """Check what was found; `pipelines.semantics` checks how it is written."""
        return check_organs(made.organs, made.expected, made.ct.grid, self.site.limits)

    def draw(self, made: Product, presenter: Presenter) -> bytes:
        """Return the montage of the CT and its contours."""
        return presenter.picture_of_contours(self.site.picture_title, made.ct, made.rois)


def _check_axial(source: SourceSeries) -> Check:
    axial = np.allclose(source.volume.grid.direction, np.eye(3), rtol=0, atol=1e-4) and not source.tilt_degrees
    single = frame_number(source.header) is None
    words = "axial" if axial else "not axial, or tilted"
    return conclude(
        "slices-not-axial",
        bool(axial) and single,
        Verdict.REJECT,
        found=words if single else f"{words}, frames of one object",
        accepted="axial single-frame images",
    )
