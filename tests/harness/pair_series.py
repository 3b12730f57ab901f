"""Made patients with an MR and a CT series each, full of names, numbers, dates and UIDs that must not come through."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid
from two_positions import taken_twice

from models.volumes import Volume


@dataclass(frozen=True)
class Person:
    """Whom the headers name."""

    patient_id: str = "8807211234"
    name: str = "Grieshaber^Wendelin"
    birth: str = "19880721"
    sex: str = "M"
    mother: str = "Zumkeller"
    physician: str = "Oberhauser^Kunigunde"
    hospital: str = "Klinikum Unterwaldhausen"
    accession: str = "ACC7734512"
    station: str = "MRZIMMER3"
    date: str = "20250314"

    @property
    def secrets(self) -> list[str]:
        """What must be in no byte of the output."""
        parts = [part for field in vars(self).values() if len(field) > 2 for part in field.replace("^", " ").split()]
        return [*parts, self.name, "2.25.", "1.2.826", "14:53", "145301", "HEADNOTE"]


def series(volume: Volume, modality: str, person: Person, seed: int = 1, description: str = "") -> list[Dataset]:
    """Return a volume as a classic series of `modality`, with its person all over the headers."""
    stored = np.rint(volume.values + (1024 if modality == "CT" else 0)).clip(0, 4095).astype("<u2")
    made = []
    for index, plane in enumerate(stored):
        ds = Dataset()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = CTImageStorage if modality == "CT" else MRImageStorage
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid(
            entropy_srcs=[person.patient_id, modality, str(seed), str(index)]
        )
        ds.SpecificCharacterSet = "ISO_IR 192"
        ds.PatientID, ds.PatientName = person.patient_id, person.name
        ds.PatientBirthDate, ds.PatientSex = person.birth, person.sex
        ds.PatientMotherBirthName, ds.ReferringPhysicianName = person.mother, person.physician
        ds.InstitutionName, ds.StationName, ds.AccessionNumber = person.hospital, person.station, person.accession
        ds.PatientComments = f"HEADNOTE {person.name}"
        for kind in ("Study", "Series", "Acquisition", "Content"):
            setattr(ds, f"{kind}Date", person.date)
            setattr(ds, f"{kind}Time", "145301")
        ds.StudyInstanceUID = generate_uid(entropy_srcs=[person.patient_id, "study", str(seed)])
        ds.SeriesInstanceUID = generate_uid(entropy_srcs=[person.patient_id, modality, str(seed)])
        ds.FrameOfReferenceUID = generate_uid(entropy_srcs=[person.patient_id, modality, str(seed), "frame"])
        ds.Modality, ds.SeriesDescription = modality, description or f"{modality} {person.name}"
        ds.ImageType, ds.PatientPosition = ["ORIGINAL", "PRIMARY", "AXIAL"], "HFS"
        ds.KVP, ds.MagneticFieldStrength, ds.EchoTime = "120", "1.5", "3.1"
        ds.InstanceNumber = index + 1
        grid = volume.grid
        ds.ImagePositionPatient = [f"{value:.4f}" for value in (grid.affine @ [0, 0, index, 1])[:3]]
        ds.ImageOrientationPatient = [f"{value:.8f}" for value in (*grid.direction[0], *grid.direction[1])]
        ds.PixelSpacing = [grid.spacing[1], grid.spacing[0]]
        ds.Rows, ds.Columns = plane.shape
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
        ds.RescaleSlope, ds.RescaleIntercept = "1", "-1024" if modality == "CT" else "0"
        private = ds.private_block(0x0029, "SOME VENDOR", create=True)
        private.add_new(0x01, "LO", person.name)
        ds.PixelData = plane.tobytes()
        made.append(ds)
    return made


def write(datasets: list[Dataset], folder: Path) -> None:
    """Write a series into `folder`, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, dataset in enumerate(datasets):
        dataset.save_as(folder / f"{index:04d}.dcm", enforce_file_format=True)


def write_patient(person: Person, folder: Path, scale: float = 1.0, seed: int = 1) -> None:
    """Write a patient's MR and CT, `scale` other than 1 making the CT somebody else's."""
    head = taken_twice(0.0, scale)
    # No two persons have the same noise, and no two images the same voxels.
    rng = np.random.default_rng(seed)
    mr = Volume(head.mr.values + rng.integers(0, 3, head.mr.values.shape), head.mr.grid)
    ct = Volume(head.ct.values + rng.integers(0, 3, head.ct.values.shape), head.ct.grid)
    write(series(mr, "MR", person, seed), folder / "mr")
    write(series(ct, "CT", person, seed), folder / "ct")
