"""A volume written as a classic MR or CT series, as a scanner would send it (PS3.3 A.4, A.3)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage

from models.volumes import Grid, Volume
from pipelines.objects.decimals import exact, text
from pipelines.objects.uids import derive

_LOWEST_HU = -1024
"""What a stored 0 stands for in the CT series, as in those of most scanners."""

_BRIGHTEST = 1600.0
"""What the brightest hundredth of voxels is scaled to: as scanners do, well inside 12 bits."""

_MOMENT = ("20260105", "093000.000000")


@dataclass(frozen=True, slots=True)
class PhantomPatient:
    """Who the phantom pretends to be, so obviously made that nobody can take it for a person."""

    name: str = "PHANTOM^HEAD"
    patient_id: str = "PHANTOM-HEAD-1"
    birth_date: str = "19700101"
    age: str = "056Y"
    sex: str = "O"


@dataclass(frozen=True, slots=True)
class Protocol:
    """The spoiled gradient echo with inversion (MPRAGE) that the phantom was "scanned" with; times in ms."""

    repetition: float = 2300.0
    echo: float = 3.0
    inversion: float = 1100.0
    flip: float = 9.0
    tesla: float = 3.0


def mr_series(
    volume: Volume, seed: int, patient: PhantomPatient | None = None, protocol: Protocol | None = None
) -> list[Dataset]:
    """Return `volume` as the instances of one MR series, slices along k, in scanner order.

    Parameters
    ----------
    volume
        Magnitudes from 0, in any unit, on a grid of any orientation.
    seed
        All UIDs follow from it: the same seed makes the same study.
    patient, protocol
        What the headers say; the standard phantom when None.

    Notes
    -----
    ImageType says DIS2D: a phantom has no gradient distortion.
    """
    patient, protocol = patient or PhantomPatient(), protocol or Protocol()
    stored = _stored(volume)
    made = []
    for index in range(volume.grid.size[2]):
        ds = Dataset()
        _patient_and_study(ds, patient, seed)
        _series_and_equipment(ds, seed, volume.grid)
        ds.Modality, ds.SeriesInstanceUID, ds.SeriesNumber = "MR", _uid(seed, "series"), 2
        ds.SeriesDescription = ds.ProtocolName = "t1_mprage_sag_phantom"
        _mr_image(ds, protocol)
        _plane(ds, volume.grid, index)
        _pixels(ds, stored[index])
        ds.WindowCenter, ds.WindowWidth = "800", "1600"
        ds.SOPClassUID = MRImageStorage
        ds.SOPInstanceUID = _uid(seed, "instance", index)
        ds.InstanceNumber = index + 1
        ds.file_meta = _file_meta(ds)
        made.append(ds)
    return made


def ct_series(volume: Volume, seed: int, patient: PhantomPatient | None = None) -> list[Dataset]:
    """Return `volume` as the instances of one CT series of the same study and frame of reference as `mr_series`.

    Parameters
    ----------
    volume
        CT numbers in HU on an axial grid (directions identity), rounded and clipped to -1024..3071 HU.
    seed
        As for `mr_series`.
    patient
        The standard phantom when None.

    Notes
    -----
    It is what is true of the phantom, for comparing a synthetic CT with; its descriptions say so.
    """
    patient = patient or PhantomPatient()
    stored = np.clip(np.rint(volume.values) - _LOWEST_HU, 0, 4095).astype("<u2")
    made = []
    for index in range(volume.grid.size[2]):
        ds = Dataset()
        _patient_and_study(ds, patient, seed)
        _series_and_equipment(ds, seed, volume.grid)
        ds.Modality, ds.SeriesInstanceUID, ds.SeriesNumber = "CT", _uid(seed, "ct-series"), 3
        ds.SeriesDescription = ds.ProtocolName = "ct_phantom_truth"
        ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.KVP, ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "120", str(_LOWEST_HU), "1", "HU"
        _plane(ds, volume.grid, index)
        _pixels(ds, stored[index])
        ds.WindowCenter, ds.WindowWidth = "40", "400"
        ds.SOPClassUID = CTImageStorage
        ds.SOPInstanceUID = _uid(seed, "ct-instance", index)
        ds.InstanceNumber = index + 1
        ds.file_meta = _file_meta(ds)
        made.append(ds)
    return made


def write_series(series: list[Dataset], folder: Path) -> list[Path]:
    """Write each instance as a file named by its number into `folder`, which is made; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{int(dataset.InstanceNumber):04d}.dcm" for dataset in series]
    for dataset, file in zip(series, files, strict=True):
        dataset.save_as(file, enforce_file_format=True)
    return files


def _uid(seed: int, role: str, index: int = 0) -> str:
    return derive(f"phantom-{seed}", role, index)


def _stored(volume: Volume) -> npt.NDArray[np.uint16]:
    top = float(np.percentile(volume.values, 99))
    scaled = np.rint(volume.values * (_BRIGHTEST / top if top > 0 else 1.0))
    return np.clip(scaled, 0, 4095).astype("<u2")


def _patient_and_study(ds: Dataset, patient: PhantomPatient, seed: int) -> None:
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PatientName, ds.PatientID = patient.name, patient.patient_id
    ds.PatientBirthDate, ds.PatientSex, ds.PatientAge = patient.birth_date, patient.sex, patient.age
    ds.StudyInstanceUID = _uid(seed, "study")
    ds.StudyDate, ds.StudyTime = _MOMENT
    ds.StudyID, ds.AccessionNumber, ds.ReferringPhysicianName = f"PH{seed}"[:16], "", ""
    ds.StudyDescription = "Head phantom"


def _series_and_equipment(ds: Dataset, seed: int, grid: Grid) -> None:
    ds.FrameOfReferenceUID, ds.AcquisitionNumber = _uid(seed, "frame"), 1
    for kind in ("Series", "Acquisition", "Content"):
        setattr(ds, f"{kind}Date", _MOMENT[0])
        setattr(ds, f"{kind}Time", _MOMENT[1])
    ds.BodyPartExamined, ds.PatientPosition = "HEAD", "HFS"
    ds.PositionReferenceIndicator = ""
    ds.Manufacturer, ds.ManufacturerModelName = "synthnode phantom", "head"
    ds.StationName, ds.DeviceSerialNumber, ds.SoftwareVersions = "PHANTOM", str(seed), "1"
    ds.SliceThickness = ds.SpacingBetweenSlices = text(exact(grid.spacing[2]))


def _mr_image(ds: Dataset, protocol: Protocol) -> None:
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "DIS2D"]
    ds.ScanningSequence, ds.SequenceVariant, ds.ScanOptions = ["GR", "IR"], ["SK", "SP", "MP"], ""
    ds.MRAcquisitionType, ds.SequenceName = "3D", "phantom3d1"
    ds.RepetitionTime, ds.EchoTime = str(protocol.repetition), str(protocol.echo)
    ds.InversionTime, ds.FlipAngle = str(protocol.inversion), str(protocol.flip)
    ds.EchoTrainLength, ds.NumberOfAverages, ds.ImagedNucleus = 1, "1", "1H"
    ds.MagneticFieldStrength = str(protocol.tesla)
    ds.ImagingFrequency = f"{42.577 * protocol.tesla:.3f}"


def _plane(ds: Dataset, grid: Grid, index: int) -> None:
    ds.PixelSpacing = [text(exact(grid.spacing[1])), text(exact(grid.spacing[0]))]
    ds.ImageOrientationPatient = [f"{value:.12f}"[:16] for value in (*grid.direction[0], *grid.direction[1])]
    x, y, z = (grid.affine @ [0.0, 0.0, float(index), 1.0])[:3]
    ds.ImagePositionPatient = [f"{value:.6f}" for value in (x, y, z)]
    ds.SliceLocation = f"{index * grid.spacing[2]:.4f}"


def _pixels(ds: Dataset, plane: npt.NDArray[np.uint16]) -> None:
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = plane.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.SmallestImagePixelValue, ds.LargestImagePixelValue = int(plane.min()), int(plane.max())
    ds.PixelData = plane.tobytes()


def _file_meta(ds: Dataset) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return meta
