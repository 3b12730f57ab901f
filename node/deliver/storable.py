"""A file that can be sent: what its file meta says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.filereader import read_file_meta_info

from node.errors import Permanent

_HEAD = 128 + 4 + 12
"""Preamble, prefix and the element that holds the length of group 0002 (PS3.10 7.1)."""


@dataclass(frozen=True, slots=True)
class StorableFile:
    """A Part 10 file, as its file meta describes it.

    Attributes
    ----------
    data_set_at
        Where its data set begins, in bytes from the start.
    size
        Bytes of the whole file.
    """

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    data_set_at: int
    size: int

    @classmethod
    def of(cls, path: Path) -> StorableFile:
        """Read the file meta of `path`.

        Raises
        ------
        Permanent
            ``file-not-dicom`` when it is no Part 10 file or lacks a UID that a C-STORE needs.
        """
        try:
            meta = read_file_meta_info(path)
            return cls(
                path,
                str(meta.MediaStorageSOPClassUID),
                str(meta.MediaStorageSOPInstanceUID),
                str(meta.TransferSyntaxUID),
                _HEAD + int(meta.FileMetaInformationGroupLength),
                path.stat().st_size,
            )
        except Exception as error:  # pydicom raises many kinds on foreign bytes
            raise Permanent("file-not-dicom", file=str(path), error=str(error) or type(error).__name__) from error


def storable_files(paths: Sequence[Path]) -> tuple[StorableFile, ...]:
    """Return the files of `paths`, each with what its file meta says."""
    return tuple(StorableFile.of(path) for path in paths)
