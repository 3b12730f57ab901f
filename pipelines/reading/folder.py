"""The series that lie in a folder as DICOM files; headers only, until their instances are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

from pipelines.contract import SourceInstance
from pipelines.errors import PipelineError

_READ = ("StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "Modality", "Rows")


@dataclass(frozen=True, slots=True)
class FolderSeries:
    """A series of images as its headers tell it.

    Attributes
    ----------
    uid, study_uid, modality, description
        From the headers.
    number
        SeriesNumber; 0 where it is not said.
    files
        Its instances, in the order of their names.
    """

    uid: str
    study_uid: str
    modality: str
    description: str
    number: int
    files: tuple[Path, ...]

    def read(self) -> Iterator[SourceInstance]:
        """Give the series' instances with pixel data, each with the SHA-256 of its file."""
        for file in self.files:
            content = file.read_bytes()
            yield SourceInstance(dcmread(BytesIO(content)), hashlib.sha256(content).hexdigest())


def series_in(folder: Path) -> tuple[FolderSeries, ...]:
    """Find the series of images under `folder`, by their numbers; what is no DICOM image is passed over.

    Raises
    ------
    PipelineError
        ``input-folder-missing``, or ``input-folder-empty``.
    """
    if not folder.is_dir():
        raise PipelineError("input-folder-missing", folder=str(folder))
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    members: dict[str, list[tuple[Path, Dataset]]] = {}
    for file in files:
        header = _image_header(file)
        if header is not None:
            members.setdefault(str(header.SeriesInstanceUID), []).append((file, header))
    if not members:
        raise PipelineError("input-folder-empty", folder=str(folder), files=len(files))
    found = [_series(uid, images) for uid, images in members.items()]
    return tuple(sorted(found, key=lambda one: (one.study_uid, one.number, one.uid)))


def _image_header(file: Path) -> Dataset | None:
    try:
        header = dcmread(file, stop_before_pixels=True, specific_tags=list(_READ))
    except InvalidDicomError:
        return None
    except (OSError, ValueError, EOFError) as why:
        # Left out without a word, the slice at the end of a stack would be missed by nobody.
        raise PipelineError("file-unreadable", file=str(file), found=str(why)) from why
    # A DICOMDIR or a structure set has no rows.
    return header if header.get("SeriesInstanceUID") and header.get("Rows") else None


def _series(uid: str, images: list[tuple[Path, Dataset]]) -> FolderSeries:
    header = images[0][1]
    try:
        number = int(header.get("SeriesNumber") or 0)
    except (TypeError, ValueError):
        number = 0
    return FolderSeries(
        uid,
        str(header.get("StudyInstanceUID", "")),
        str(header.get("Modality", "")),
        str(header.get("SeriesDescription", "")),
        number,
        tuple(file for file, _ in images),
    )
