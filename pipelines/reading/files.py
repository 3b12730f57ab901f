"""DICOM objects in files and folders, as a person has them: read whole, with the hash of their bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import MediaStorageDirectoryStorage

from pipelines.contract import SourceInstance
from pipelines.errors import PipelineError, UnreadableSeries


@dataclass(frozen=True, slots=True, eq=False)
class FileInstance:
    """One object with the file that holds it."""

    file: Path
    dataset: Dataset
    sha256: str

    @property
    def source(self) -> SourceInstance:
        """The object as pipelines take it."""
        return SourceInstance(self.dataset, self.sha256)


@dataclass(frozen=True, slots=True, eq=False)
class DicomFiles:
    """What lies in files and folders.

    Attributes
    ----------
    instances
        The DICOM objects, in the order of their files' names.
    passed_over
        Files that hold none, and directories of media.
    """

    instances: tuple[FileInstance, ...]
    passed_over: tuple[Path, ...]

    @property
    def series(self) -> Mapping[str, Sequence[FileInstance]]:
        """The objects by SeriesInstanceUID."""
        found: dict[str, list[FileInstance]] = {}
        for one in self.instances:
            found.setdefault(str(one.dataset.get("SeriesInstanceUID", "")), []).append(one)
        return found


def read_dicom_files(paths: Iterable[Path]) -> DicomFiles:
    """Read every DICOM object in `paths`: files, and folders with all that lies below.

    Raises
    ------
    PipelineError
        ``path-missing``, ``file-unreadable`` for a DICOM file that ends early or that the system does not let read,
        or ``paths-no-dicom``.
    """
    instances: list[FileInstance] = []
    passed_over: list[Path] = []
    listed = list(paths)
    for file in dict.fromkeys(_files(listed)):
        found = _read(file)
        if found is None:
            passed_over.append(file)
        else:
            instances.append(found)
    if not instances:
        where = ", ".join(str(path) for path in listed)
        raise PipelineError("paths-no-dicom", where=where, files=len(passed_over))
    return DicomFiles(tuple(instances), tuple(passed_over))


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (one for one in sorted(path.rglob("*")) if one.is_file() and not one.name.startswith("."))
        elif path.exists():
            yield path
        else:
            raise PipelineError("path-missing", path=str(path))


def _read(file: Path) -> FileInstance | None:
    try:
        content = file.read_bytes()
        dataset = dcmread(BytesIO(content))
    except InvalidDicomError:
        return None
    except OSError as why:
        raise UnreadableSeries("file-unreadable", file=str(file), found=why.strerror or type(why).__name__) from why
    except Exception as why:  # a cut or damaged file raises what it likes
        raise UnreadableSeries("file-unreadable", file=str(file), found=type(why).__name__) from why
    if dataset.file_meta.get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage:
        return None
    return FileInstance(file, dataset, hashlib.sha256(content).hexdigest())
