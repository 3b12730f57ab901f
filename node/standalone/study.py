"""The study that lies in a folder, seen as the archive would see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.uid import MediaStorageDirectoryStorage

from node.archive.attributes import differing
from node.archive.files import content_hash
from node.archive.headers import Header, Unusable, look_at
from node.archive.part10 import MAX_HEAD, read_head
from node.errors import Permanent
from node.rules import SeriesFacts, StudyFacts
from pipelines.contract import SourceInstance

_PREFIX = slice(128, 132)


@dataclass(frozen=True, slots=True)
class FolderInstance:
    """One object of the study.

    Attributes
    ----------
    file, header
        Where it lies and what it says.
    sha256
        The hash that the archive would keep it under: another file meta changes nothing.
    """

    file: Path
    header: Header
    sha256: str

    def read(self) -> SourceInstance:
        """Return the object with its pixels, as a pipeline takes it."""
        return SourceInstance(dcmread(self.file), self.sha256)


@dataclass(frozen=True, slots=True)
class FolderStudy:
    """A study in a folder.

    Attributes
    ----------
    study_uid
        Its StudyInstanceUID.
    series
        Its objects by SeriesInstanceUID, in the order of their files' names; of equal ones the first.
    passed_over
        Files that hold no DICOM object, and directories of media.
    """

    study_uid: str
    series: Mapping[str, Sequence[FolderInstance]]
    passed_over: tuple[Path, ...]

    def describe(self, series_uid: str) -> str:
        """Return a series' description, or its UID where it has none."""
        return str(self.series[series_uid][0].header.attributes.get("SeriesDescription") or series_uid)

    @property
    def facts(self) -> StudyFacts:
        """What rules may look at; nobody sent the study to anyone."""
        own = {one.header.sop_instance_uid for members in self.series.values() for one in members if one.header.ours}
        return StudyFacts(
            self.study_uid,
            calling_ae="",
            called_ae="",
            series=tuple(_facts(uid, [one.header for one in members], own) for uid, members in self.series.items()),
        )


def read_folder_study(folder: Path) -> FolderStudy:
    """Look at every file under `folder`.

    Raises
    ------
    Permanent
        ``folder-missing``, ``run-no-dicom``; ``run-file-unusable`` for an object that a node would set apart;
        ``run-several-studies``; ``run-instance-conflict`` where two different objects have one UID.
    """
    if not folder.is_dir():
        raise Permanent("folder-missing", folder=str(folder))
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    passed_over = tuple(file for file in files if not _is_object(file))
    for file in passed_over:
        if file.stat().st_size == 0 or (file.suffix.lower() == ".dcm" and not _has_mark(file)):
            # A copy that failed: at the end of a stack no check could miss the slice.
            raise Permanent("run-file-unusable", file=str(file), found=f"{file.stat().st_size} bytes, no DICOM")
    instances: dict[str, FolderInstance] = {}
    for file in files:
        if file in passed_over:
            continue
        found = _look(file)
        earlier = instances.setdefault(found.header.sop_instance_uid, found)
        if earlier.sha256 != found.sha256:
            raise Permanent("run-instance-conflict", first=str(earlier.file), second=str(file))
    if not instances:
        raise Permanent("run-no-dicom", folder=str(folder), files=len(files))
    return _study(folder, tuple(instances.values()), passed_over)


def _study(folder: Path, instances: Sequence[FolderInstance], passed_over: tuple[Path, ...]) -> FolderStudy:
    studies = {one.header.study_uid: one.file for one in instances}
    if len(studies) > 1:
        first, second = list(studies.values())[:2]
        raise Permanent(
            "run-several-studies", folder=str(folder), found=len(studies), first=str(first), second=str(second)
        )
    series: dict[str, list[FolderInstance]] = {}
    for one in instances:
        series.setdefault(one.header.series_uid, []).append(one)
    return FolderStudy(next(iter(studies)), series, passed_over)


def _look(file: Path) -> FolderInstance:
    header = look_at(file)
    if isinstance(header, Unusable):
        parameters = ", ".join(f"{name} {value}" for name, value in header.reason.parameters.items())
        raise Permanent("run-file-unusable", file=str(file), found=f"{header.reason.code}: {parameters}")
    return FolderInstance(file, header, content_hash(file))


def _has_mark(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(MAX_HEAD)[_PREFIX] == b"DICM"


def _is_object(file: Path) -> bool:
    """Return whether a file holds an object of a study: a directory of media (DICOMDIR) lists files and is none."""
    with file.open("rb") as stream:
        start = stream.read(MAX_HEAD)
    if start[_PREFIX] != b"DICM":
        return False
    try:
        return read_head(start).sop_class_uid != MediaStorageDirectoryStorage
    except Permanent:
        return True  # damaged: it is looked at, and refused by name


def _facts(uid: str, headers: Sequence[Header], own_images: set[str]) -> SeriesFacts:
    first = headers[0].attributes
    own = any(header.ours or header.refers_to & own_images for header in headers)
    return SeriesFacts.of(uid, first, [differing(first, header.attributes) for header in headers], own)
