"""Small DICOM instances for tests, made with pydicom alone."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, RTStructureSetStorage

ROOT = "1.2.826.0.1.3680043.8.498"
STUDY = f"{ROOT}.1"
SERIES = f"{ROOT}.1.1"


def ct(number: int = 1, *, study: str = STUDY, series: str = SERIES, **changes: Any) -> Dataset:
    """Return one slice of a CT series, 16 by 16; keyword arguments set or (None) delete attributes."""
    ds = Dataset()
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = f"{series}.{number}"
    ds.StudyInstanceUID = study
    ds.SeriesInstanceUID = series
    ds.Modality = "CT"
    ds.PatientID = "P-1"
    ds.PatientName = "Doe^Jane"
    ds.PatientBirthDate = "19700101"
    ds.PatientSex = "F"
    ds.Manufacturer = "Maker"
    ds.SeriesDescription = "head"
    ds.InstanceNumber = number
    ds.ImagePositionPatient = [0, 0, number]
    ds.add_new(0x00091010, "LO", "private value")
    ds.add_new(0x00090010, "LO", "TESTS")
    item = Dataset()
    item.ReferencedSOPClassUID = CTImageStorage
    item.ReferencedSOPInstanceUID = f"{series}.900"
    ds.ReferencedImageSequence = Sequence([item])
    ds.Rows = ds.Columns = 16
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit = 15
    ds.PixelRepresentation = 1
    pixels = np.random.default_rng(number).integers(-1000, 1000, (16, 16), dtype=np.int16)
    ds.PixelData = pixels.tobytes()
    return changed(ds, **changes)


def structures(number: int = 1, *, images: list[str], study: str = STUDY, series: str = f"{ROOT}.1.9") -> Dataset:
    """Return a structure set with one contour drawn on each of the images."""
    ds = ct(number, study=study, series=series)
    ds.SOPClassUID = RTStructureSetStorage
    ds.Modality = "RTSTRUCT"
    for keyword in ("PixelData", "Rows", "Columns", "ReferencedImageSequence"):
        del ds[keyword]
    contours = []
    for uid in images:
        image = Dataset()
        image.ReferencedSOPClassUID = CTImageStorage
        image.ReferencedSOPInstanceUID = uid
        contour = Dataset()
        contour.ContourImageSequence = Sequence([image])
        contours.append(contour)
    roi = Dataset()
    roi.ContourSequence = Sequence(contours)
    ds.ROIContourSequence = Sequence([roi])
    return ds


def marked_own(ds: Dataset) -> Dataset:
    """Return the data set with the processing equipment's item that this project's objects carry."""
    purpose = Dataset()
    purpose.CodeValue = "109102"
    purpose.CodingSchemeDesignator = "DCM"
    item = Dataset()
    item.Manufacturer = "synthnode"
    item.PurposeOfReferenceCodeSequence = Sequence([purpose])
    ds.ContributingEquipmentSequence = Sequence([item])
    return ds


def changed(ds: Dataset, **changes: Any) -> Dataset:
    """Return the data set with attributes set or (None) deleted."""
    for keyword, value in changes.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def file_of(ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """Return the data set as a file."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = UID(syntax)
    ds.file_meta = meta
    buffer = io.BytesIO()
    dcmwrite(buffer, ds, implicit_vr=syntax == "1.2.840.10008.1.2", little_endian=True, enforce_file_format=True)
    return buffer.getvalue()


def save(ds: Dataset, folder: Path, syntax: str = ExplicitVRLittleEndian) -> Path:
    """Write the data set into the folder under a short name, and return the path."""
    file = folder / f"{len(list(folder.iterdir())):05d}.dcm"
    file.write_bytes(file_of(ds, syntax))
    return file
