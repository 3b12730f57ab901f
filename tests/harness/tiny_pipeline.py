"""A pipeline of somebody else's package, which copies its one image as a synthetic CT after a pause of a second or so.

For stories about machines that die, where what is computed does not matter. Nodes find it as they find any: its
package lies in a folder on their ``PYTHONPATH``. It is written as text, since the harness imports nothing of what it
judges.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydicom import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage, generate_uid

TINY = "tiny"

_DECLARATION = """
from pipelines.contract import Declaration, Slot

DECLARATION = Declaration(
    name="tiny", version="1", task="A copy of one image.",
    slots=(Slot("image", "MR", "Any MR."),), outputs=("CT",), models={}, factory="tiny_pipeline_factory:build",
)
"""

_FACTORY = """
import copy, os, time
from pydicom.uid import CTImageStorage
from pydicom import Dataset
from pipelines.contract import Check, Outcome, Reason, Verdict
from pipelines.objects.codes import OUR_SCHEME
from pipelines.objects.encoding import file_meta
from pipelines.objects.uids import derive
from tiny_pipeline_declaration import DECLARATION


class Tiny:
    declaration = DECLARATION

    def run(self, inputs, run, progress):
        digest = run.digest(inputs)
        seconds = float(os.environ.get("TINY_SECONDS", "1"))
        for step in range(10):
            progress("infer", step / 10)
            time.sleep(seconds / 10)
        made = copy.deepcopy(inputs["image"][0].dataset)
        made.SOPClassUID, made.SOPInstanceUID, made.Modality = CTImageStorage, derive(digest, "ct"), "CT"
        made.SeriesInstanceUID = derive(digest, "series")
        made.SyntheticData, made.SeriesDescription = "YES", "SYNTHETIC tiny"
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", OUR_SCHEME, "tiny"
        made.DerivationCodeSequence = [code]
        made.file_meta = file_meta(made)
        look = Check("looked-at", Verdict.REVIEW, Reason("age-below-card", {"found": 3, "accepted": 18}))
        return Outcome((made,), (look,), {"montage.png": b"png"}, {"infer": seconds})


def build(packages, device):
    return Tiny()
"""


def write_tiny_pipeline(folder: Path) -> Path:
    """Write the package into `folder`, which is to be on a node's ``PYTHONPATH``, and return the folder."""
    information = folder / "tiny_pipeline-1.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-pipeline\nVersion: 1\n")
    (information / "entry_points.txt").write_text(
        "[synthnode.pipelines]\ntiny = tiny_pipeline_declaration:DECLARATION\n"
    )
    (folder / "tiny_pipeline_declaration.py").write_text(_DECLARATION)
    (folder / "tiny_pipeline_factory.py").write_text(_FACTORY)
    return folder


def write_tiny_rules(file: Path) -> Path:
    """Write rules of two classes: a series that is called ``stroke`` is due at once, any other in four hours."""
    rules: list[dict[str, Any]] = [
        {
            "name": f"tiny-{name}",
            "pipeline": TINY,
            "slots": {"image": {"where": [f'SeriesDescription == "{name}"']}},
            "destinations": "research",
            "priority": priority,
            "release": "hold",
        }
        for name, priority in (("stroke", "STAT"), ("spine", "ROUTINE"))
    ]
    file.write_text(yaml.safe_dump({"schema": 1, "rules": rules}, sort_keys=False))
    return file


@dataclass(frozen=True, slots=True)
class TinyStudy:
    """A study of one MR image of two by two pixels.

    Attributes
    ----------
    seed
        Of every UID.
    kind
        ``stroke`` or ``spine``, as the rules of `write_tiny_rules` tell them apart.
    """

    seed: int
    kind: str

    @property
    def study_uid(self) -> str:
        """The study's UID."""
        return self._uid("study")

    def write(self, folder: Path) -> Path:
        """Write the image into `folder`, and return the folder."""
        image = Dataset()
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.SOPClassUID, image.SOPInstanceUID = MRImageStorage, self._uid("image")
        image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        image.StudyInstanceUID, image.SeriesInstanceUID = self.study_uid, self._uid("series")
        image.FrameOfReferenceUID = self._uid("frame")
        image.PatientID, image.PatientName = f"P{self.seed}", "PHANTOM^TINY"
        image.PatientBirthDate, image.PatientSex = "19700101", "O"
        image.StudyDate, image.StudyTime, image.StudyID, image.AccessionNumber = "20260301", "120000", "1", "1"
        image.Modality, image.SeriesDescription, image.ImageType = "MR", self.kind, ["ORIGINAL", "PRIMARY"]
        image.SeriesNumber = image.InstanceNumber = 1
        image.ImagePositionPatient, image.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
        image.PixelSpacing, image.SliceThickness = [1, 1], 1
        image.Rows = image.Columns = 2
        image.SamplesPerPixel, image.PhotometricInterpretation, image.PixelRepresentation = 1, "MONOCHROME2", 0
        image.BitsAllocated, image.BitsStored, image.HighBit = 16, 16, 15
        image.PixelData = bytes(8)
        folder.mkdir(parents=True, exist_ok=True)
        image.save_as(folder / f"{self.kind}-{self.seed}.dcm", enforce_file_format=True)
        return folder

    def _uid(self, what: str) -> UID:
        return generate_uid(entropy_srcs=[str(self.seed), self.kind, what])
