"""A site's images, one patient at a time: from DICOM, or from folders of NIfTI files that were never registered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

from models.nifti import read_nifti
from models.pairs.layout import NOT_PATIENTS
from models.volumes import Volume
from pipelines.contract import SourceInstance
from pipelines.errors import PipelineError, UnreadableSeries
from pipelines.pairs.inventory import FoundPatient, FoundSeries, Inventory
from pipelines.reading.reader import read_series

_NUMBERS = {
    "MR": ("MagneticFieldStrength", "RepetitionTime", "EchoTime", "InversionTime", "FlipAngle", "SliceThickness"),
    "CT": ("KVP", "SliceThickness"),
}
"""What of the headers goes along: how the image was made, in numbers alone. No text: a person may have typed it."""

Facts = Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """One patient's two images, not yet registered.

    Attributes
    ----------
    mr, ct
        On their own grids.
    mr_facts, ct_facts
        How they were acquired, by DICOM keyword; empty where nothing is known.
    """

    mr: Volume
    ct: Volume
    mr_facts: Facts
    ct_facts: Facts


@dataclass(frozen=True, slots=True)
class Source:
    """One patient's images, to be read when their turn comes.

    Attributes
    ----------
    identity
        Who, as the site knows it; never leaves.
    read
        Reads the images; raises a `PipelineError` or a `ModelsError` that says why it cannot.
    """

    identity: tuple[str, ...]
    read: Callable[[], Images]


def from_dicom(inventory: Inventory) -> tuple[Source, ...]:
    """Return the patients of a folder of DICOM as sources."""

    def source(patient: FoundPatient) -> Source:
        return Source(patient.identity, lambda: _read_dicom(patient))

    return tuple(source(patient) for patient in inventory.patients)


def from_images(folder: Path) -> tuple[Source, ...]:
    """Return the patients of a folder ``DIR/PATIENT/{mr,ct}.nii.gz`` as sources; a mask beside them is made anew.

    Raises
    ------
    PipelineError
        ``pairs-folder-missing`` when there is none, or no patient's folder in it.
    """
    patients = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    patients = [path for path in patients if not path.name.startswith(".") and path.name not in NOT_PATIENTS]
    if not patients:
        raise PipelineError("pairs-folder-missing", folder=str(folder))

    def source(path: Path) -> Source:
        return Source((path.name,), lambda: _read_images(path))

    return tuple(source(path) for path in patients)


def _read_dicom(patient: FoundPatient) -> Images:
    mr, mr_facts = _read(patient.mr, "MR")
    ct, ct_facts = _read(patient.ct, "CT")
    return Images(mr, ct, mr_facts, ct_facts)


def _read(series: FoundSeries | None, modality: str) -> tuple[Volume, Facts]:
    if series is None:
        raise UnreadableSeries("pairs-series-missing", modality=modality)
    read = read_series([SourceInstance(_dataset(file), "") for file in series.files])
    return read.volume, _facts(read.header, modality)


def _dataset(file: Path) -> Dataset:
    try:
        return dcmread(file)
    except (InvalidDicomError, OSError, ValueError, EOFError) as why:
        raise UnreadableSeries("pairs-file-unreadable", file=str(file), found=type(why).__name__) from why


def _facts(header: Dataset, modality: str) -> Facts:
    facts = {}
    for keyword in _NUMBERS[modality]:
        try:
            facts[keyword] = float(header[keyword].value)
        except (KeyError, TypeError, ValueError):
            continue
    return facts


def _read_images(folder: Path) -> Images:
    volumes = {}
    for part in ("mr", "ct"):
        found = sorted(path for path in folder.glob(f"{part}*.nii*") if not path.name.startswith("."))
        if not found:
            raise UnreadableSeries("pairs-series-missing", modality=part.upper())
        if len(found) > 1 or found[0].name not in (f"{part}.nii.gz", f"{part}.nii"):
            raise UnreadableSeries("pairs-images-several", folder=str(folder), found=len(found), part=part)
        volumes[part] = read_nifti(found[0])
    return Images(volumes["mr"], volumes["ct"], {}, {})
