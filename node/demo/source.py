"""The study that is sent: read whole before anything is started, so that bad input ends here and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID, MediaStorageDirectoryStorage

from node.deliver.association import StorableFile
from node.errors import Permanent

_NAMED_DICOM = frozenset({".dcm", ".dicom", ".ima"})
"""What is called so and cannot be read is a damaged object, not a file that happens to lie beside the study."""


@dataclass(frozen=True, slots=True)
class SourceSeries:
    """One series of the study, as its first instance describes it."""

    series_uid: str
    modality: str
    description: str
    instances: int
    frame_of_reference_uid: str


@dataclass(frozen=True, slots=True)
class SourceStudy:
    """A study on disk.

    Attributes
    ----------
    files
        Its instances as they will be sent.
    passed_over
        Files in the folder that hold no image or other object of a study.
    instances
        The SOP Instance UIDs by series.
    """

    folder: Path
    study_uid: str
    patient_id: str
    series: tuple[SourceSeries, ...]
    instances: Mapping[str, frozenset[str]]
    files: tuple[StorableFile, ...]
    passed_over: tuple[Path, ...]


def read_study(folder: Path) -> SourceStudy:
    """Read the study that lies in `folder`.

    Raises
    ------
    Permanent
        ``folder-missing``, ``study-no-folder``, ``folder-empty``, ``study-no-dicom``, ``study-file-cut`` or
        ``study-several``, each naming the file and what to do.
    """
    if not folder.exists():
        raise Permanent("folder-missing", folder=str(folder))
    if not folder.is_dir():
        raise Permanent("study-no-folder", file=str(folder))
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    if not paths:
        raise Permanent("folder-empty", folder=str(folder))
    headers: dict[Path, Dataset] = {}
    for path in paths:
        header = _header(path)
        if header is not None:
            headers[path] = header
    passed_over = tuple(path for path in paths if path not in headers)
    if not headers:
        raise Permanent("study-no-dicom", folder=str(folder), file=str(passed_over[0]))
    return _study(folder, headers, passed_over)


def _study(folder: Path, headers: Mapping[Path, Dataset], passed_over: tuple[Path, ...]) -> SourceStudy:
    studies: dict[str, Path] = {}
    series: dict[str, list[Dataset]] = {}
    for path, header in headers.items():
        studies.setdefault(str(header.StudyInstanceUID), path)
        series.setdefault(str(header.SeriesInstanceUID), []).append(header)
    if len(studies) > 1:
        one, other = list(studies.items())[:2]
        raise Permanent(
            "study-several", folder=str(folder), studies=len(studies), first=str(one[1]), second=str(other[1])
        )
    first = next(iter(headers.values()))
    return SourceStudy(
        folder=folder,
        study_uid=next(iter(studies)),
        patient_id=str(first.get("PatientID") or ""),
        series=tuple(_described(uid, members) for uid, members in series.items()),
        instances={uid: frozenset(str(one.SOPInstanceUID) for one in members) for uid, members in series.items()},
        files=tuple(StorableFile.of(path) for path in headers),
        passed_over=passed_over,
    )


def _described(uid: str, members: Sequence[Dataset]) -> SourceSeries:
    first = members[0]
    return SourceSeries(
        series_uid=uid,
        modality=str(first.get("Modality", "")),
        description=str(first.get("SeriesDescription", "")),
        instances=len(members),
        frame_of_reference_uid=str(first.get("FrameOfReferenceUID", "")),
    )


def _header(path: Path) -> Dataset | None:
    """Return the header of a whole DICOM object of a study, None for a file that is none."""
    try:
        dataset = dcmread(path)
    except InvalidDicomError as error:
        if path.suffix.lower() in _NAMED_DICOM:
            raise Permanent("study-file-cut", file=str(path), found="it does not begin as DICOM") from error
        return None
    except Exception as error:  # pydicom raises many kinds on a file that ends early
        raise Permanent("study-file-cut", file=str(path), found=str(error) or type(error).__name__) from error
    if dataset.file_meta.get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage:
        return None
    lacking = [
        keyword
        for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
        if not dataset.get(keyword)
    ]
    if lacking:
        raise Permanent("study-file-cut", file=str(path), found=f"no {lacking[0]}")
    _check_pixels_whole(path, dataset)
    for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"):
        if keyword in dataset:
            del dataset[keyword]
    return dataset


def _check_pixels_whole(path: Path, dataset: Dataset) -> None:
    syntax = UID(dataset.file_meta.get("TransferSyntaxUID", ""))
    # pydicom returns what is there of a value that ends early, without a word.
    if "Rows" not in dataset or not syntax.is_transfer_syntax or syntax.is_compressed:
        return
    expected = (
        int(dataset.Rows)
        * int(dataset.Columns)
        * int(dataset.get("SamplesPerPixel") or 1)
        * int(dataset.get("NumberOfFrames") or 1)
        * int(dataset.BitsAllocated)
        // 8
    )
    found = len(dataset.get("PixelData", b""))
    if found < expected:
        raise Permanent("study-file-cut", file=str(path), found=f"{found} of {expected} bytes of pixels")
