"""Inputs as strangers' files brought them, made from a small phantom series, and what reading makes of each.

``python -m broken_inputs`` in this folder prints the table of docs/broken-inputs.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.uid import UID, EnhancedMRImageStorage
from scipy.spatial.transform import Rotation

from models.volumes import Grid, Volume
from pipelines.contract import SourceInstance
from pipelines.errors import UnreadableSeries
from pipelines.phantoms.series import mr_series
from pipelines.reading.reader import read_series
from pipelines.reasons import text

SLICES = 12


def phantom() -> list[Dataset]:
    """Return a small sagittal series, a bright block in a dark field, the same at every call."""
    values = np.zeros((SLICES, 16, 16), dtype=np.float32)
    values[:, 4:12, 4:12] = 1000.0
    axes = ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (-1.0, 0.0, 0.0))
    grid = Grid(size=(16, 16, SLICES), spacing=(2.0, 2.0, 2.0), origin=(0.0, 0.0, 0.0), direction=axes)
    return mr_series(Volume(values, grid), seed=13)


def _two_acquisitions(images: list[Dataset]) -> None:
    for one in images[1::2]:
        one.AcquisitionNumber, one.EchoTime, one.RepetitionTime = 2, "95", "5000"
        del one.InversionTime


def _left_justified(images: list[Dataset]) -> None:
    for one in images:
        one.PixelData, one.HighBit = (np.frombuffer(one.PixelData, "<u2") << 4).tobytes(), 15


def _padded(images: list[Dataset]) -> None:
    for one in images:
        pixels = np.frombuffer(one.PixelData, "<u2").reshape(16, 16).copy()
        pixels[:2] = 4095
        one.PixelData = pixels.tobytes()
        one.add_new(0x00280120, "US", 4095)


def _inverted(images: list[Dataset]) -> None:
    for one in images:
        one.PhotometricInterpretation = "MONOCHROME1"


def _modality_lut(images: list[Dataset]) -> None:
    for one in images:
        one.ModalityLUTSequence = [Dataset()]


def _one_header_differs(images: list[Dataset]) -> None:
    del images[0].BodyPartExamined, images[0].MRAcquisitionType


def _localizer_first(images: list[Dataset]) -> None:
    extra = phantom()[0]
    extra.SOPInstanceUID = extra.file_meta.MediaStorageSOPInstanceUID = UID("2.25.99")
    extra.ImageType, extra.ImageOrientationPatient = ["ORIGINAL", "PRIMARY", "LOCALIZER"], [1, 0, 0, 0, 1, 0]
    images.insert(0, extra)


def _multi_frame(images: list[Dataset]) -> None:
    del images[1:]
    images[0].SOPClassUID, images[0].NumberOfFrames = EnhancedMRImageStorage, 192


def _three_decimals(images: list[Dataset]) -> None:
    turn = Rotation.from_euler("xyz", (17, 31, 43), degrees=True).as_matrix()[:2]
    normal = np.cross(turn[0], turn[1])
    for index, one in enumerate(images):
        one.ImageOrientationPatient = [f"{value:.3f}" for value in turn.ravel()]
        one.ImagePositionPatient = [f"{value:.3f}" for value in 2.0 * index * normal]


def _two_persons(images: list[Dataset]) -> None:
    for one in images:
        one.PatientID = "0000"
    for one in images[SLICES // 2 :]:
        one.PatientName = "OTHER^PERSON"


CASES: Mapping[str, Callable[[list[Dataset]], None]] = {
    "two-acquisitions-interleaved": _two_acquisitions,
    "highbit-15": _left_justified,
    "pixel-padding": _padded,
    "monochrome1": _inverted,
    "modality-lut": _modality_lut,
    "one-header-differs": _one_header_differs,
    "localizer-first": _localizer_first,
    "enhanced-mr-without-groups": _multi_frame,
    "cosines-3-digits": _three_decimals,
    "two-persons": _two_persons,
}
"""Cases by name: each changes a series in place."""

BYTES: Mapping[str, Callable[[bytes], bytes]] = {
    "ds-comma-echo": lambda content: content.replace(b"DS\x04\x003.0 ", b"DS\x04\x003,0 "),
    "trailing-bytes": lambda content: content + bytes(16),
    "tags-out-of-order": lambda content: _before_patient(content, b"\x29\x00\x10\x00LO\x08\x00HO TEST "),
}
"""Cases by name that no library would write: each changes a file's bytes."""


BEFORE: Mapping[str, str] = {
    "two-acquisitions-interleaved": "read as one volume, striped",
    "highbit-15": "read, values 0 to 1024: bright ones wrapped",
    "pixel-padding": "read, padding as the brightest signal (4095)",
    "monochrome1": "read without a word",
    "modality-lut": "refused by name",
    "one-header-differs": "read; the rules decided by whichever came first",
    "localizer-first": "refused, the localizer named",
    "enhanced-mr-without-groups": "refused by name, whole ones too; at routing, attributes were missing",
    "cosines-3-digits": "refused (`orientation-invalid`)",
    "two-persons": "read as one volume",
    "ds-comma-echo": "read",
    "trailing-bytes": "read; set apart by the archive",
    "tags-out-of-order": "read; set apart by the archive",
}
"""What the reader of commit e0e63bd made of the same bytes when run; rules and archive as issue 13 found them."""


def _before_patient(content: bytes, element: bytes) -> bytes:
    at = content.index(b"\x10\x00\x10\x00PN", 144)
    return content[:at] + element + content[at:]


def instances_of(case: str) -> list[SourceInstance]:
    """Return the phantom series as `case` breaks it, read back from its bytes."""
    images = phantom()
    if case in CASES:
        CASES[case](images)
    change = BYTES.get(case, bytes)
    read = []
    for image in images:
        stream = BytesIO()
        image.save_as(stream, enforce_file_format=True)
        read.append(SourceInstance(dcmread(BytesIO(change(stream.getvalue()))), ""))
    return read


def outcome_of(case: str) -> str:
    """Return what reading makes of a case, in words."""
    try:
        found = read_series(instances_of(case))
    except UnreadableSeries as why:
        return f"refused: {text(why.reason)}"
    beside = f"; {found.parts.describe()}" if found.parts.is_divided else ""
    return f"read: {found.volume.grid.size[2]} slices, values {found.volume.values.min():g} to" + (
        f" {found.volume.values.max():g}{beside}"
    )


def table() -> str:
    """Return the outcomes of all cases, before and now, as a table in Markdown."""
    rows = [f"| `{case}` | {BEFORE[case]} | {outcome_of(case)} |" for case in (*CASES, *BYTES)]
    return "\n".join(["| case | commit e0e63bd | now |", "|---|---|---|", *rows])


if __name__ == "__main__":
    print(table())
