"""Data sets to files and back to raw elements."""

from __future__ import annotations

from io import BytesIO

from pydicom import Dataset
from pydicom.charset import default_encoding
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import dcmwrite, write_dataset
from pydicom.uid import UID, ImplicitVRLittleEndian

IMPLEMENTATION_CLASS_UID = "2.25.263584649518240520584771196203305882039"
"""Names this implementation in the files that it writes (PS3.10 7.1)."""

IMPLEMENTATION_VERSION_NAME = "SYNTHNODE"


def file_meta(dataset: Dataset) -> FileMetaDataset:
    """Return the file meta information for `dataset` (PS3.10 7.1): Implicit VR Little Endian.

    Every storage SCP must accept that syntax (PS3.5 10.1), so no delivery ever transcodes; and it has no 16-bit
    lengths, which in Explicit VR turn long ContourData into UN.
    """
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ImplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    return meta


def encode(dataset: Dataset) -> bytes:
    """Return `dataset` as a Part 10 file in Implicit VR Little Endian; the same data set gives the same bytes.

    Parameters
    ----------
    dataset
        Complete, with ``file_meta``, as the constructors of this package return it.
    """
    buffer = BytesIO()
    dcmwrite(buffer, dataset, implicit_vr=True, little_endian=True, enforce_file_format=True)
    return buffer.getvalue()


def as_raw(dataset: Dataset) -> Dataset:
    """Return `dataset` with its values in encoded form, which every later writing copies as they stand.

    Worth it for what many instances share: a list of two hundred source images is encoded once, not once a slice.
    """
    buffer = DicomBytesIO()
    buffer.is_implicit_VR = True
    buffer.is_little_endian = True
    write_dataset(buffer, dataset, default_encoding)
    return read_dataset(BytesIO(buffer.getvalue()), is_implicit_VR=True, is_little_endian=True)


def with_shared(shared: Dataset) -> Dataset:
    """Return a new data set that begins with the elements of `shared` (see `as_raw`) and may get its own."""
    dataset = Dataset(dict(shared.items()))
    dataset.set_original_encoding(True, True, shared.original_character_set)
    return dataset
