"""General Series and General Acquisition modules."""

from __future__ import annotations

import copy

from pydicom import Dataset

from pipelines.contract import RunIdentity
from pipelines.objects.times import moment
from pipelines.objects.uids import derive
from pipelines.reading.series import SourceSeries

UNPAIRED_PARTS = ("HEAD", "BRAIN", "PELVIS", "HEADNECK", "LSPINE")
"""Body parts that ask for no Laterality (PS3.3 C.7.3.1)."""

SERIES_A_RUN = 10
"""Series that one run numbers at most, in this order: images, structure set, uncertainty, segmentation, measurements,
report, summary picture, registration, source on the grid of the images, and one to spare."""


def series_module(
    source: SourceSeries, run: RunIdentity, digest: str, role: str, place: int, modality: str, title: str
) -> Dataset:
    """Return what all series have (PS3.3 C.7.3.1, C.8.8.1): modality, UID, number, date, and a description.

    Parameters
    ----------
    source, run, digest
        What it was computed from, what computed, and the run's digest, which UIDs follow from.
    role
        What the series UID names, e.g. ``ct-series`` (see `pipelines.objects.uids.derive`).
    place
        Which of the run's series it is, for its number: 0 to 9.
    modality
        Modality.
    title
        What the series is; SYNTHETIC and the models are written around it.
    """
    created = moment(run, source.header)
    ds = Dataset()
    ds.Modality = modality
    ds.SeriesInstanceUID = derive(digest, role)
    ds.SeriesNumber = series_number(source, run, place)
    ds.SeriesDate, ds.SeriesTime = created.date, created.time
    ds.SeriesDescription = f"SYNTHETIC {title}, {run.models_text}"[:64].rstrip()
    return ds


def patient_in_series(source: SourceSeries, body_part: str) -> Dataset:
    """Return what an image series says of the patient: the source's position, and an unpaired body part.

    Parameters
    ----------
    source
        The series that it was computed from.
    body_part
        BodyPartExamined where the source states none that is unpaired.
    """
    ds = Dataset()
    ds.PatientPosition = str(source.header.get("PatientPosition") or "")
    stated = str(source.header.get("BodyPartExamined") or "").upper()
    ds.BodyPartExamined = stated if stated in UNPAIRED_PARTS else body_part
    return ds


def series_number(source: SourceSeries, run: RunIdentity, place: int) -> int:
    """Return a SeriesNumber that sorts after the source's: its number, then run and place in two digits."""
    stated = int(source.header.get("SeriesNumber") or 0)
    # IS holds 2**31 - 1 at most; numbers that some archives invent are larger than leaves room for digits.
    root = stated if 0 <= stated < 10**7 else 0
    return root * 100 + (run.run_number - 1) % (100 // SERIES_A_RUN - 1) * SERIES_A_RUN + place + 1


def general_acquisition_module(source: SourceSeries) -> Dataset:
    """General Acquisition module (PS3.3 C.7.10.1): the anatomy was seen when the source was acquired."""
    ds = Dataset()
    for keyword in ("AcquisitionDate", "AcquisitionTime", "AcquisitionDateTime"):
        if source.header.get(keyword):
            ds[keyword] = copy.deepcopy(source.header[keyword])
    ds.AcquisitionNumber = 1
    return ds
