"""Which patients a folder of DICOM holds, and which MR and CT series of each make the pair. Headers only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

from pipelines.errors import PipelineError
from pipelines.reading.attributes import image_type

MODALITIES = ("MR", "CT")

_EXAMPLES = {"MR": "*t1*", "CT": "*head*"}
"""What a SeriesDescription may be chosen by, for a person who has several."""

_SAYS_WHO = ("PatientName", "PatientBirthDate", "PatientSex")
"""What must not differ under one Patient ID: each is as the modality worklist gave it, for MR and CT alike."""

_READ = (
    "PatientID",
    "IssuerOfPatientID",
    *_SAYS_WHO,
    "Modality",
    "SeriesInstanceUID",
    "SeriesDescription",
    "ImageType",
)

Identity = tuple[str, str]
"""PatientID and IssuerOfPatientID: two hospitals may give the same number to two persons."""


@dataclass(frozen=True, slots=True)
class FoundSeries:
    """A series as its headers tell it.

    Attributes
    ----------
    uid, modality, description
        From the headers; none of them leaves the site.
    files
        Its instances, in the order of their names.
    """

    uid: str
    modality: str
    description: str
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class FoundPatient:
    """One patient's two series.

    Attributes
    ----------
    identity
        Who, by the headers.
    mr, ct
        The series; None where the patient has none.
    """

    identity: Identity
    mr: FoundSeries | None
    ct: FoundSeries | None


@dataclass(frozen=True, slots=True)
class Choice:
    """Which series to take where a patient has several, by SeriesDescription: ``*`` and ``?`` as in file names.

    Attributes
    ----------
    mr, ct
        Patterns, capitals not told apart; ``*`` takes all.
    """

    mr: str = "*"
    ct: str = "*"

    def of(self, modality: str) -> str:
        """Return the pattern for a modality."""
        return self.mr if modality == "MR" else self.ct


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a folder holds.

    Attributes
    ----------
    patients
        By identity, in its order.
    not_dicom, other_modalities, localizers
        How many files were left out, and why.
    """

    patients: tuple[FoundPatient, ...]
    not_dicom: int
    other_modalities: int
    localizers: int


@dataclass(frozen=True, slots=True, eq=False)
class _Instance:
    file: Path
    header: Dataset

    @property
    def identity(self) -> Identity:
        return str(self.header.get("PatientID", "")).strip(), str(self.header.get("IssuerOfPatientID", "")).strip()


def take_inventory(folder: Path, choice: Choice) -> Inventory:
    """Find each patient's MR and CT series under `folder`.

    Localizers and other modalities are left out and counted. No text of a header enters an error but series
    descriptions, which a person needs to choose by.

    Raises
    ------
    PipelineError
        ``pairs-folder-missing`` or ``pairs-no-dicom``; ``pairs-patient-unnamed`` where an instance has no PatientID;
        ``pairs-several-patients`` where one PatientID has two names, birth dates or sexes; ``pairs-series-shared``
        where two PatientIDs share a series; ``pairs-series-ambiguous`` where `choice` leaves a patient several series
        of a modality.
    """
    if not folder.is_dir():
        raise PipelineError("pairs-folder-missing", folder=str(folder))
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    instances = [found for file in files if (found := _instance(file)) is not None]
    wanted = [one for one in instances if str(one.header.get("Modality", "")) in MODALITIES]
    if not wanted:
        raise PipelineError("pairs-no-dicom", folder=str(folder), files=len(files))
    _check_one_person_each(wanted)
    images = [one for one in wanted if "LOCALIZER" not in image_type(one.header)]
    return Inventory(
        patients=_patients(images, {one.identity for one in wanted}, choice),
        not_dicom=len(files) - len(instances),
        other_modalities=len(instances) - len(wanted),
        localizers=len(wanted) - len(images),
    )


def _instance(file: Path) -> _Instance | None:
    try:
        header = dcmread(file, stop_before_pixels=True, specific_tags=list(_READ))
    except (InvalidDicomError, OSError, ValueError, EOFError):
        return None
    # A DICOMDIR lists files and is no image.
    return _Instance(file, header) if header.get("SeriesInstanceUID") else None


def _check_one_person_each(instances: Iterable[_Instance]) -> None:
    said: dict[tuple[Identity, str], dict[str, Path]] = defaultdict(dict)
    owners: dict[str, tuple[Identity, Path]] = {}
    for one in instances:
        if not one.identity[0]:
            raise PipelineError("pairs-patient-unnamed", file=str(one.file))
        for keyword in _SAYS_WHO:
            if value := _spelled(str(one.header.get(keyword, ""))):
                said[one.identity, keyword].setdefault(value, one.file)
        owner, first = owners.setdefault(str(one.header.SeriesInstanceUID), (one.identity, one.file))
        if owner != one.identity:
            raise PipelineError("pairs-series-shared", first=str(first), second=str(one.file))
    for (_, keyword), values in said.items():
        if len(values) > 1:
            first, second = list(values.values())[:2]
            raise PipelineError("pairs-several-patients", attribute=keyword, first=str(first), second=str(second))


def _spelled(value: str) -> str:
    """Return a value without what spelling alone changes: capitals, and empty components at a name's end."""
    return " ".join(value.casefold().rstrip("^ ").replace("^", " ").split())


def _patients(images: Sequence[_Instance], everyone: set[Identity], choice: Choice) -> tuple[FoundPatient, ...]:
    grouped: dict[tuple[Identity, str], dict[str, list[_Instance]]] = defaultdict(lambda: defaultdict(list))
    for one in images:
        grouped[one.identity, str(one.header.Modality)][str(one.header.SeriesInstanceUID)].append(one)
    return tuple(
        FoundPatient(who, *(_chosen(modality, grouped.get((who, modality), {}), choice) for modality in MODALITIES))
        for who in sorted(everyone)
    )


def _chosen(modality: str, series: Mapping[str, list[_Instance]], choice: Choice) -> FoundSeries | None:
    pattern = choice.of(modality)
    found = [_series(uid, modality, instances) for uid, instances in series.items()]
    fitting = [one for one in found if fnmatchcase(one.description.casefold(), pattern.casefold())]
    if len(fitting) > 1:
        raise PipelineError(
            "pairs-series-ambiguous",
            modality=modality,
            found=len(fitting),
            descriptions="; ".join(sorted(one.description[:40] or "(none)" for one in fitting)),
            file=str(fitting[0].files[0]),
            option=f"--{modality.lower()}-series",
            example=_EXAMPLES[modality],
        )
    return fitting[0] if fitting else None


def _series(uid: str, modality: str, instances: Sequence[_Instance]) -> FoundSeries:
    description = str(instances[0].header.get("SeriesDescription", "")).strip()
    return FoundSeries(uid, modality, description, tuple(one.file for one in instances))
