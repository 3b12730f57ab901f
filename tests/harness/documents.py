"""Documents about the small synthetic CT of `derived`, and a registration of two series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from derived import DIGEST, GRID, RUN, derived, head, regions, source_series
from pydicom import Dataset
from scipy.spatial.transform import Rotation

from pipelines.contract import Verdict
from pipelines.measurements import Measurements, hu_distributions, region_volumes
from pipelines.objects.codes import MR_TO_CT
from pipelines.objects.encapsulated_pdf import encapsulated_report
from pipelines.objects.measurement_report import CheckResult, measurement_report
from pipelines.objects.secondary_capture import summary_capture
from pipelines.objects.spatial_registration import spatial_registration
from pipelines.previews.pages import Pages
from pipelines.reading.series import SourceSeries

OTHER_FRAME = "1.2.826.0.1.3680043.8.498.70"
MEASUREMENTS = Measurements(
    region_volumes(regions(), GRID), hu_distributions(head(), {roi.name: roi.mask for roi in regions()})
)
CHECKS = (
    CheckResult("geometry", Verdict.PASS, "geometry", "The images stand where they were computed."),
    CheckResult("metal", Verdict.REVIEW, "signal-void", "Void of 22 mm; accepted: 14 mm."),
)


@dataclass(frozen=True, slots=True, eq=False)
class About:
    """A result and its documents: structured report, PDF, picture."""

    source: SourceSeries
    objects: tuple[Dataset, ...]
    documents: tuple[Dataset, ...]


def small_pdf() -> bytes:
    """Return a page with one line on it."""
    pages = Pages("Patient: Phantom", "SYNTHETIC")
    pages.line("Nothing to see")
    return pages.pdf()


def about(source: SourceSeries | None = None) -> About:
    """Return the documents about the synthetic CT of `source`, or of the plain one."""
    made = derived(source)
    picture = np.random.default_rng(1).integers(0, 255, (20, 30, 3)).astype(np.uint8)
    documents = (
        measurement_report(MEASUREMENTS, CHECKS, made.objects, MR_TO_CT, made.source, RUN, DIGEST),
        encapsulated_report(small_pdf(), "Synthetic CT", made.objects, made.source, RUN, DIGEST),
        summary_capture(picture, MR_TO_CT, made.source, RUN, DIGEST, body_part="HEAD"),
    )
    return About(made.source, made.objects, documents)


@dataclass(frozen=True, slots=True, eq=False)
class Registered:
    """Two series of different frames of reference, and how the second was moved onto the first."""

    source: SourceSeries
    moving: SourceSeries
    registration: Dataset


def moved() -> np.ndarray:
    """Return a small rotation and shift."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", [3, -2, 5], degrees=True).as_matrix()
    matrix[:3, 3] = 1.25, -3.0, 7.0
    return matrix


def other_series() -> SourceSeries:
    """Return a series of the same patient and study in a frame of reference of its own."""
    series = source_series(FrameOfReferenceUID=OTHER_FRAME, SeriesInstanceUID="1.2.826.0.1.3680043.8.498.71")
    for number, dataset in enumerate(series.datasets):
        dataset.SOPInstanceUID = f"1.2.826.0.1.3680043.8.498.72.{number}"
    return series


def registered() -> Registered:
    """Return the plain series and another one, registered."""
    source, moving = source_series(), other_series()
    registration = spatial_registration(moved(), moving, source, MR_TO_CT, RUN, DIGEST, body_part="HEAD")
    return Registered(source, moving, registration)
