"""Strangers' files, sent by C-STORE to a real node, and what it says of each: the table of docs/strangers-files.md.

``python -m strangers`` in this folder prints it for a made head. ``--cases FOLDER --base SERIES`` takes the cases from
programs of that folder instead, each called as ``python CASE.py SERIES OUT``. Nothing of the node is imported.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from head_series import HeadSeries
from pydicom import Dataset, dcmread
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID, generate_uid
from pynetdicom import AE, _config
from running_node import RunningNode, ended
from waiting import wait_for

Images = list[Dataset]
Study = dict[str, Any]

_ENHANCED_MR, _SPECTROSCOPY = UID("1.2.840.10008.5.1.4.1.1.4.1"), UID("1.2.840.10008.5.1.4.1.1.4.2")
_UNKNOWN_AFTER_S = 60.0


def _two_acquisitions(images: Images) -> None:
    for one in images[1::2]:
        pixels = np.frombuffer(one.PixelData, "<u2").astype(float)
        one.PixelData = np.clip(np.where(pixels > 60, 900 - pixels, pixels), 0, 4095).astype("<u2").tobytes()
        one.AcquisitionNumber, one.EchoTime, one.RepetitionTime, one.SeriesDescription = 2, "95", "5000", "T2"
        del one.InversionTime


def _left_justified(images: Images) -> None:
    for one in images:
        one.BitsStored, one.HighBit = 12, 15
        one.PixelData = (np.frombuffer(one.PixelData, "<u2") << 4).tobytes()


def _padded(images: Images) -> None:
    for one in images:
        pixels = np.frombuffer(one.PixelData, "<u2").reshape(one.Rows, one.Columns).copy()
        pixels[:2] = pixels[-2:] = pixels[:, :2] = pixels[:, -2:] = 4095
        one.PixelData = pixels.tobytes()
        one.add_new(0x00280120, "US", 4095)


def _one_header_differs(images: Images) -> None:
    del images[0].BodyPartExamined, images[0].MRAcquisitionType


def _three_decimals(images: Images) -> None:
    turn = np.array([[0.9986, -0.0287, 0.0433], [0.0418, 0.9436, -0.3284], [-0.0314, 0.3298, 0.9435]])
    for one in images:
        along, down = (turn @ np.array(one.ImageOrientationPatient[at : at + 3], float) for at in (0, 3))
        place = turn @ np.array(one.ImagePositionPatient, float)
        one.ImageOrientationPatient = [f"{value:.3f}" for value in (*along, *down)]
        one.ImagePositionPatient = [f"{value:.3f}" for value in place]


def _long_uid(images: Images) -> None:
    for one in images:
        one.SeriesInstanceUID = ("1.2.826.0.1.3680043.8.498." + "7" * 66)[:66]


def _multi_frame(images: Images) -> None:
    """Put all into one enhanced object that places its frames and says nothing of the contrast."""
    whole = images[0]
    whole.PixelData = b"".join(one.PixelData for one in images)
    whole.SOPClassUID = whole.file_meta.MediaStorageSOPClassUID = _ENHANCED_MR
    whole.NumberOfFrames = len(images)
    shared, measures, turn = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = whole.PixelSpacing, whole.SliceThickness
    turn.ImageOrientationPatient = whole.ImageOrientationPatient
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Items([measures]), Items([turn])
    frames = []
    for one in images:
        frame, place = Dataset(), Dataset()
        place.ImagePositionPatient = one.ImagePositionPatient
        frame.PlanePositionSequence = Items([place])
        frames.append(frame)
    whole.SharedFunctionalGroupsSequence, whole.PerFrameFunctionalGroupsSequence = Items([shared]), Items(frames)
    for keyword in (
        *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "EchoTime", "RepetitionTime"),
        *("InversionTime", "FlipAngle", "ScanningSequence", "SequenceVariant", "SliceThickness"),
    ):
        delattr(whole, keyword)
    del images[1:]


def _with_spectrum(images: Images) -> None:
    spectrum = deepcopy(images[0])
    spectrum.SOPClassUID = spectrum.file_meta.MediaStorageSOPClassUID = _SPECTROSCOPY
    spectrum.SOPInstanceUID = generate_uid(entropy_srcs=[str(images[0].SOPInstanceUID)])
    spectrum.SeriesInstanceUID, spectrum.SeriesNumber = (
        generate_uid(entropy_srcs=[str(images[0].SeriesInstanceUID)]),
        77,
    )
    del spectrum.PixelData
    spectrum.Rows = spectrum.Columns = 1
    spectrum.NumberOfFrames, spectrum.DataPointRows, spectrum.DataPointColumns = 1, 1, 512
    spectrum.DataRepresentation, spectrum.SpectroscopyData = "COMPLEX", np.zeros(1024, "<f4").tobytes()
    images.append(spectrum)


def _added_by_a_pacs(images: Images) -> None:
    for one in images:
        one.RetrieveAETitle, one.InstanceAvailability = "PACS1", "ONLINE"


def _unchanged(_images: Images) -> None:
    return


def _decimal_comma(content: bytes) -> bytes:
    return content.replace(b"DS\x04\x002.98", b"DS\x04\x002,98")


def _trailing_zeros(content: bytes) -> bytes:
    return content + bytes(16)


def _out_of_order(content: bytes) -> bytes:
    at = content.index(b"\x10\x00\x10\x00PN", 144)
    return content[:at] + b"\x29\x00\x10\x00LO\x08\x00HO TEST " + content[at:]


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of input.

    Attributes
    ----------
    sent
        What is sent, one association after the other: each time the whole head, changed like this.
    encoded
        How a file's bytes are changed after that.
    """

    sent: tuple[Callable[[Images], None], ...] = (_unchanged,)
    encoded: Callable[[bytes], bytes] = bytes

    def write(self, series: HeadSeries, folder: Path) -> None:
        """Write what is sent into folders of `folder`, named by their number."""
        for number, change in enumerate(self.sent, start=1):
            images = series.datasets()
            change(images)
            place = folder / str(number)
            place.mkdir(parents=True)
            for position, one in enumerate(images):
                file = place / f"{position:04d}.dcm"
                one.save_as(file, enforce_file_format=True)
                file.write_bytes(self.encoded(file.read_bytes()))


# What ends without a result comes first: a node computes one run after the other.
CASES: Mapping[str, Case] = {
    "two-acquisitions-interleaved": Case((_two_acquisitions,)),
    "enhanced-mr": Case((_multi_frame,)),
    "uid-too-long": Case((_long_uid,)),
    "one-header-differs": Case((_one_header_differs,)),
    "highbit-15": Case((_left_justified,)),
    "pixel-padding": Case((_padded,)),
    "cosines-3-digits": Case((_three_decimals,)),
    "ds-comma-echo": Case(encoded=_decimal_comma),
    "trailing-bytes": Case(encoded=_trailing_zeros),
    "tags-out-of-order": Case(encoded=_out_of_order),
    "spectroscopy-in-study": Case((_with_spectrum,)),
    "resent-with-retrieve-ae": Case((_unchanged, _added_by_a_pacs)),
}
"""The cases by name."""


HEADING = ("| case | answered | study | run | what `status` says |", "|---|---|---|---|---|")


@dataclass(frozen=True, slots=True)
class Row:
    """What became of a case.

    Attributes
    ----------
    answered
        How many instances were answered with each status.
    study, run
        States; empty when there is none.
    why
        All reasons that ``status`` shows, each once.
    """

    case: str
    answered: str
    study: str
    run: str
    why: str

    def __str__(self) -> str:
        return f"| `{self.case}` | {self.answered} | {self.study} | {self.run} | {self.why} |"


def written(folder: Path, names: Collection[str] = tuple(CASES)) -> dict[str, Path]:
    """Write cases from a made head, each as another patient's, and return their folders by name."""
    for seed, (name, case) in enumerate(CASES.items(), start=301):
        if name in names:
            case.write(HeadSeries(seed=seed), folder / name)
    return {name: folder / name for name in names}


def written_by_programs(folder: Path, programs: Path, base: Path) -> dict[str, Path]:
    """Let each program of a folder write its case from a base series, and return their folders by name."""
    found = {}
    for program in sorted(programs.glob("*.py")):
        found[program.stem] = folder / program.stem
        subprocess.run([sys.executable, str(program), str(base), str(folder / program.stem)], check=True)
    return found


def play(
    node: RunningNode, cases: Mapping[str, Path], *, finished: Callable[[str, Study], bool], within: float
) -> list[Row]:
    """Send all cases to a running node, and return what it says of each.

    Parameters
    ----------
    cases
        Folders by name; folders in them are sent one after the other, the next when the study has settled.
    finished
        Says whether a case (its name, its study) has come to its end; asked of studies that are not receiving.
    within
        Seconds for all.
    """
    answers: dict[str, Counter[str]] = {}
    studies = {name: _study_uid(folder) for name, folder in cases.items()}
    for name, folder in cases.items():
        first, *_ = _parts(folder)
        answers[name] = _send(first, node)
    for name, folder in cases.items():
        for part in _parts(folder)[1:]:
            node.wait_for_study(studies[name], _settled, within=within, what=f"{name} to settle")
            answers[name] += _send(part, node)
    sent_at = time.monotonic()

    def look() -> dict[str, Study] | None:
        found = {study["study_uid"]: study for study in node.status()["studies"]}
        late = time.monotonic() - sent_at > _UNKNOWN_AFTER_S
        for name, uid in studies.items():
            if uid in found and not (_settled(found[uid]) and finished(name, found[uid])):
                return None
            if uid not in found and not late:
                return None
        return found

    known = wait_for(look, within=within, what="all cases to end", every=2.0)
    return [_row(name, answers[name], known.get(uid)) for name, uid in studies.items()]


def _settled(study: Study) -> bool:
    return bool(study["state"] != "receiving")


def _row(name: str, answers: Counter[str], study: Study | None) -> Row:
    said = ", ".join(f"{count} x {status}" for status, count in sorted(answers.items()))
    if study is None:
        return Row(name, said, "not known to `status`", "", "")
    runs = [run["state"] + (f" {run['verdict']}" if run["verdict"] else "") for run in study["runs"]]
    apart = Counter(entry["reason"] for entry in study["quarantined"])
    reasons = [study["reason"], *(run["reason"] for run in study["runs"])]
    reasons += [f"{reason} ({count} set apart)" for reason, count in apart.most_common(1)]
    return Row(name, said, study["state"], ", ".join(runs), " ".join(dict.fromkeys(filter(None, reasons))))


def _parts(folder: Path) -> Sequence[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir()) or [folder]


def _study_uid(folder: Path) -> str:
    return str(dcmread(next(folder.rglob("*.dcm")), specific_tags=["StudyInstanceUID"]).StudyInstanceUID)


def _send(folder: Path, node: RunningNode) -> Counter[str]:
    """Send a folder's files, their data sets byte by byte as they are, in one association; return the statuses."""
    files = sorted(folder.glob("*.dcm"))
    heads = [dcmread(file, specific_tags=["SOPClassUID"]) for file in files]
    scanner = AE(ae_title="SCANNER")
    for uid, syntax in {(one.SOPClassUID, one.file_meta.TransferSyntaxUID) for one in heads}:
        scanner.add_requested_context(uid, syntax)
    association = scanner.associate("127.0.0.1", node.port, ae_title=node.ae_title)
    assert association.is_established, f"{folder.name} was not let in"
    whole, _config.STORE_SEND_CHUNKED_DATASET = _config.STORE_SEND_CHUNKED_DATASET, True
    answers: Counter[str] = Counter()
    try:
        for file in files:
            answer = association.send_c_store(file) if association.is_established else None
            answers[f"{answer.Status:04X}" if answer else "no answer"] += 1
    finally:
        _config.STORE_SEND_CHUNKED_DATASET = whole
    if association.is_established:
        association.release()
    return answers


def main() -> None:
    """Print the transcript."""
    parser = argparse.ArgumentParser(description="Send strangers' files to a node and print what it says of them.")
    parser.add_argument("--cases", type=Path, help="a folder of programs that write a case each")
    parser.add_argument("--base", type=Path, help="the series that these programs begin with")
    parser.add_argument("--within", type=float, default=1800.0, help="seconds for all")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        cases = written_by_programs(folder, options.cases, options.base.resolve()) if options.cases else written(folder)
        node = RunningNode(folder / "node")
        node.configure([])
        try:
            node.start()
            rows = play(
                node, cases, finished=lambda _name, study: not study["runs"] or ended(study), within=options.within
            )
        finally:
            node.end()
    print(*HEADING, *rows, sep="\n")


if __name__ == "__main__":
    main()
