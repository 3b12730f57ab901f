"""A made head as an MR series, by numpy and pydicom alone, so that the stories do not lean on what they judge."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage, generate_uid

CT_IMAGE_STORAGE = UID("1.2.840.10008.5.1.4.1.1.2")

# Nested ellipsoids: half axes in mm (left-right, front-back, head-feet), and the T1-weighted signal from there inwards.
SHELLS = (
    ((64.0, 86.0, 84.0), 320.0),  # skin
    ((61.0, 83.0, 81.0), 700.0),  # fat
    ((58.0, 80.0, 78.0), 35.0),  # skull
    ((52.0, 74.0, 72.0), 90.0),  # cerebrospinal fluid
    ((50.0, 72.0, 70.0), 380.0),  # grey matter
    ((44.0, 66.0, 64.0), 480.0),  # white matter
)


@dataclass(frozen=True, slots=True)
class HeadSeries:
    """A sagittal T1-weighted series of an adult, with every value that a head pipeline may ask for.

    As small as a head may be, with little air around it, so that a story computes for seconds and not for minutes.

    Attributes
    ----------
    slices, rows, columns
        Size.
    spacing
        Spacing of slices, rows and columns in mm.
    seed
        Of the noise, and of every UID.
    """

    slices: int = 50
    rows: int = 96
    columns: int = 98
    spacing: tuple[float, float, float] = (2.8, 1.9, 1.9)
    seed: int = 1
    modality: str = "MR"

    def uid(self, *what: object) -> UID:
        """Return a UID that depends on the seed and `what` alone."""
        return generate_uid(entropy_srcs=[str(self.seed), self.modality, *map(str, what)])

    @property
    def study_uid(self) -> str:
        """The study's UID."""
        return self.uid("study")

    def datasets(self) -> list[Dataset]:
        """Return the series, one data set a slice from right to left."""
        signal = self._signal()
        return [self._instance(number, plane) for number, plane in enumerate(signal)]

    def write(self, folder: Path) -> Path:
        """Write the series as files into `folder`, and return it."""
        folder.mkdir(parents=True, exist_ok=True)
        for number, dataset in enumerate(self.datasets()):
            dataset.save_as(folder / f"{number:04d}.dcm", enforce_file_format=True)
        return folder

    def inside(self, places: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Tell which places (x, y, z in mm along the last axis) lie within the head."""
        half_axes, _ = SHELLS[0]
        return np.asarray(((places / np.array(half_axes)) ** 2).sum(axis=-1) <= 1)

    def _signal(self) -> npt.NDArray[np.uint16]:
        step_x, step_z, step_y = self.spacing
        x = (np.arange(self.slices) - (self.slices - 1) / 2) * step_x
        z = -(np.arange(self.rows) - (self.rows - 1) / 2) * step_z
        y = (np.arange(self.columns) - (self.columns - 1) / 2) * step_y
        places = np.meshgrid(x, z, y, indexing="ij")
        signal = np.zeros((self.slices, self.rows, self.columns))
        for (half_x, half_y, half_z), value in SHELLS:
            inside = (places[0] / half_x) ** 2 + (places[2] / half_y) ** 2 + (places[1] / half_z) ** 2 <= 1
            signal[inside] = value
        chance = np.random.default_rng(self.seed)
        noisy = np.hypot(signal + chance.normal(0, 6, signal.shape), chance.normal(0, 6, signal.shape))
        return noisy.astype(np.uint16)

    def _instance(self, number: int, plane: npt.NDArray[np.uint16]) -> Dataset:
        step_x, step_z, step_y = self.spacing
        ds = Dataset()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.SOPClassUID = MRImageStorage if self.modality == "MR" else CT_IMAGE_STORAGE
        ds.SOPInstanceUID = self.uid("instance", number)
        ds.StudyInstanceUID = self.study_uid
        ds.SeriesInstanceUID = self.uid("series")
        ds.FrameOfReferenceUID = self.uid("frame")
        ds.SpecificCharacterSet = "ISO_IR 192"
        ds.PatientName, ds.PatientID = "Ellipsoid^Erika", f"E2E-{self.seed}"
        ds.PatientBirthDate, ds.PatientSex, ds.PatientAge = "19700101", "F", "055Y"
        ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = "20260301"
        ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = "101500"
        ds.StudyID, ds.AccessionNumber, ds.ReferringPhysicianName = "1", "A1", "Referrer^Rita"
        ds.StudyDescription, ds.SeriesDescription = "Head", "t1_mprage_sag"
        ds.Modality, ds.SeriesNumber, ds.InstanceNumber, ds.AcquisitionNumber = self.modality, 3, number + 1, 1
        ds.BodyPartExamined, ds.PatientPosition, ds.PositionReferenceIndicator = "HEAD", "HFS", ""
        ds.Manufacturer, ds.ManufacturerModelName, ds.StationName = "Numpy", "Ellipsoid", "E2E"
        ds.DeviceSerialNumber, ds.SoftwareVersions = "1", "1"
        if self.modality == "MR":
            _add_mr_values(ds)
        else:
            ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
            ds.KVP, ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "120", "-1024", "1", "HU"
        ds.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
        first_y, first_z = -(self.columns - 1) / 2 * step_y, (self.rows - 1) / 2 * step_z
        ds.ImagePositionPatient = [round((number - (self.slices - 1) / 2) * step_x, 4), first_y, first_z]
        ds.SliceLocation = ds.ImagePositionPatient[0]
        ds.PixelSpacing, ds.SliceThickness, ds.SpacingBetweenSlices = [step_z, step_y], step_x, step_x
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.Rows, ds.Columns = plane.shape
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
        ds.WindowCenter, ds.WindowWidth = "350", "700"
        ds.PixelData = plane.astype("<u2").tobytes()
        return ds


def _add_mr_values(ds: Dataset) -> None:
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "DIS3D", "NORM"]
    ds.ScanningSequence, ds.SequenceVariant, ds.ScanOptions = ["GR", "IR"], ["SK", "SP", "MP"], "IR"
    ds.MRAcquisitionType, ds.SequenceName, ds.ProtocolName = "3D", "*tfl3d1_16ns", "t1_mprage_sag"
    ds.RepetitionTime, ds.EchoTime, ds.InversionTime, ds.FlipAngle = "2300", "2.98", "900", "9"
    ds.EchoTrainLength, ds.NumberOfAverages, ds.ImagedNucleus = "1", "1", "1H"
    ds.MagneticFieldStrength, ds.ImagingFrequency, ds.PixelBandwidth = "3", "123.2", "240"
