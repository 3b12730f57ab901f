"""One series, one acquisition of one person: what tells slices apart is compared over all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pydicom import Dataset

from pipelines.errors import UnreadableSeries
from pipelines.headers import Header
from pipelines.headers.series import Spread, spread
from pipelines.headers.volumes import TELLS_APART
from pipelines.reading.attributes import required

_ONE_VOLUME = (
    "PatientID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "SOPClassUID",
    "Modality",
    "Rows",
    "Columns",
    "PatientPosition",
)
"""What all instances of one volume agree in, an absent value counted as a value."""

_NUMBERS_SLICES = ("AcquisitionNumber", "TriggerTime")
"""These may differ in every slice of one volume: a step of a sequential scan, a delay after the heart's beat."""

_FEWEST_SLICES = 2
"""A volume has at least two slices, so a lone header without an attribute lost it; two may be of something else."""

_SAYS_WHO = ("PatientName", "PatientBirthDate")


def check_one_acquisition(datasets: Sequence[Dataset]) -> None:
    """Check that all of a series can be slices of one volume; each refusal is the same for any order of them.

    Parameters
    ----------
    datasets
        The series' instances, at least one.

    Raises
    ------
    UnreadableSeries
        ``series-mixed`` for what makes two objects of them, persons included; ``several-volumes`` where two
        acquisitions or reconstructions share the series, with the attribute, its values and their counts;
        ``attribute-missing`` when none has a frame of reference.
    """
    if not any(dataset.get("FrameOfReferenceUID") for dataset in datasets):
        required(datasets[0], "FrameOfReferenceUID")
    headers = [Header.from_dataset(dataset) for dataset in datasets]
    for keyword in _ONE_VOLUME:
        counts = Counter(str(dataset.get(keyword, "") or "") for dataset in datasets)
        if len(counts) > 1:
            # Identifiers of patients stay out of reasons: how many differ is what a person needs.
            counted = (
                f"{len(counts)} different values" if keyword == "PatientID" else spread(headers, keyword).describe()
            )
            raise UnreadableSeries("series-mixed", attribute=keyword, found=counted)
    _check_one_person(datasets)
    for keyword in (*TELLS_APART, *_NUMBERS_SLICES):
        found = spread(headers, keyword)
        if _tells_apart(found):
            raise UnreadableSeries("several-volumes", attribute=keyword, found=found.describe())


def _check_one_person(datasets: Sequence[Dataset]) -> None:
    """A Patient ID may be empty or zeros, so the name and the birth date must agree too, where they are stated."""
    for keyword in _SAYS_WHO:
        stated = {text for dataset in datasets if (text := _spelling(str(dataset.get(keyword, "") or "")))}
        if len(stated) > 1:
            raise UnreadableSeries("series-mixed", attribute=keyword, found=f"{len(stated)} different values")


def _spelling(value: str) -> str:
    """Return the first representation of a name, or a date, without what spelling alone changes."""
    return "".join(one for one in value.partition("=")[0].casefold() if one.isalnum())


def _tells_apart(found: Spread) -> bool:
    if not found.counts:
        return False
    if found.agreed is None:
        return not (found.keyword in _NUMBERS_SLICES and len(found.counts) == found.instances)
    return found.missing >= _FEWEST_SLICES
