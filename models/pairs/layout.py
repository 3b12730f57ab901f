"""SynthRAD's folder layout: ``DIR/PATIENT/{mr,ct,mask}.nii.gz``, all three on one grid, and perhaps ``about.json``."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from json import dumps, loads
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.errors import PairsError
from models.nifti import read_nifti, read_nifti_grid, write_nifti
from models.pairs.contents import check_contents
from models.pairs.distinct import check_no_copies
from models.volumes import Grid, Volume

PARTS = ("mr", "ct", "mask")
"""The images of a patient, by the names of their files."""

LABELS = "labels"
"""A fourth image that a patient may have: true labels, to judge a segmentation by."""

ASIDE, OVERVIEW = "aside", "overview"
"""Folders that may stand among the patients: pairs that were set aside, and SynthRAD's pictures."""

NOT_PATIENTS = (ASIDE, OVERVIEW)

SAME_PLACE_MM = 0.01
"""How far corners of grids that are the same may lie apart: NIfTI keeps places as float32."""

_PATIENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SUFFIXES = (".nii.gz", ".nii")

_STATED: tuple[tuple[str, type, str], ...] = (
    ("patient", str, "the folder's name, in quotes"),
    ("case", str, "a name in quotes: whose anatomy this is"),
    ("contrast", str, "a name in quotes, such as T1; or null where it is not known"),
    ("simulated", bool, "true or false, without quotes"),
)
"""What is read of ``about.json``, and how it must be written."""


@dataclass(frozen=True, slots=True)
class PairFolder:
    """Where one patient's pair lies; no voxel was read yet.

    Attributes
    ----------
    patient
        The folder's name, which is the patient's pseudonym.
    folder, mr, ct, mask
        The folder and the files in it.
    grid
        Where the voxels of all three stand.
    about
        What ``about.json`` says, where there is one: site, contrast, case, how the pair was registered.
    labels
        The file of true labels, where there is one.
    """

    patient: str
    folder: Path
    mr: Path
    ct: Path
    mask: Path
    grid: Grid
    about: Mapping[str, object] | None = None
    labels: Path | None = None

    @property
    def case(self) -> str:
        """Whose anatomy this is: ``case`` of ``about.json``, else the patient.

        One anatomy in several contrasts is several folders of one case, which may share a CT. Cross-validation splits,
        and cohorts count, by it.
        """
        return str((self.about or {}).get("case", self.patient))


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One patient's images on one grid.

    Attributes
    ----------
    patient
        The pseudonym.
    mr
        float32, in the scanner's arbitrary unit.
    ct
        float32 HU.
    mask
        bool, the body.
    """

    patient: str
    mr: Volume
    ct: Volume
    mask: Volume


def read_pairs(folder: Path) -> tuple[PairFolder, ...]:
    """Find the pairs in `folder`, by patient's name, and prove their layout from headers and checksums alone.

    Raises
    ------
    PairsError
        If there is no such folder or no patient in it (``pairs-missing``); a patient's name is unfit or two differ in
        capitals alone (``patient-name-unfit``, ``patient-doubled``); one of the three files is missing
        (``pair-file-missing``), comes twice or has others beside it, as when two patients or two acquisitions share
        a folder (``pair-several-images``); the three are not on one grid (``pair-grids-differ``); ``about.json`` cannot
        be read or says something in another way than it must (``about-unreadable``), or names another patient
        (``pair-several-patients``); or two patients have the same image file (``patient-doubled``). Copies whose
        files differ are found by `models.pairs.distinct`.
    InputError
        If a file is no NIfTI volume.
    """
    if not folder.is_dir():
        raise PairsError("pairs-missing", folder=str(folder), accepted="a folder with one folder a patient")
    found = [_patient_folder(path) for path in sorted(folder.iterdir()) if _may_be_patient(path)]
    if not found:
        raise PairsError("pairs-missing", folder=str(folder), accepted="PATIENT/mr.nii.gz, ct.nii.gz and mask.nii.gz")
    _check_names(found)
    check_no_copies([(pair.case, (pair.mr, pair.ct)) for pair in found])
    return tuple(found)


def load_pair(pair: PairFolder) -> Pair:
    """Read a pair's voxels and prove that they are what their names say.

    Raises
    ------
    PairsError
        See `models.pairs.contents.check_contents`; each names the file and the remedy.
    InputError
        If a file cannot be read.
    """
    mr, ct, mask = (read_nifti(file) for file in (pair.mr, pair.ct, pair.mask))
    for file, volume in ((pair.mr, mr), (pair.ct, ct), (pair.mask, mask)):
        _check_same_grid(pair.grid, volume.grid, file)
    check_contents(pair.patient, (pair.mr, pair.ct, pair.mask), mr.values, ct.values, mask.values)
    # One grid for all three: they were proved the same to 0.01 mm, and what follows compares them voxel by voxel.
    return Pair(
        pair.patient,
        Volume(mr.values, pair.grid),
        Volume(ct.values, pair.grid),
        Volume(mask.values > 0.5, pair.grid),
    )


def write_pair(pair: Pair, folder: Path, about: Mapping[str, object] | None = None) -> PairFolder:
    """Write a pair into ``folder/PATIENT``, whole or not at all.

    The CT is rounded to whole HU, the MR kept as it is (as int16 where it holds whole numbers), the mask is 0 or 1.

    Raises
    ------
    PairsError
        If the patient's name is unfit (``patient-name-unfit``), or there already (``pair-exists``).
    """
    _check_name(pair.patient, folder)
    target, part = folder / pair.patient, folder / f".part-{pair.patient}"
    if target.exists():
        raise PairsError("pair-exists", folder=str(target), remedy="name another folder, or remove this one")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        write_nifti(pair.mr, part / "mr.nii.gz", _smallest(pair.mr.values))
        write_nifti(pair.ct, part / "ct.nii.gz", np.int16)
        write_nifti(pair.mask, part / "mask.nii.gz", np.uint8)
        if about is not None:
            text = dumps({**about, "patient": pair.patient}, indent=1, ensure_ascii=False)
            (part / "about.json").write_text(text + "\n", encoding="utf-8")
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return _patient_folder(target)


def _may_be_patient(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".") and path.name not in NOT_PATIENTS


def _patient_folder(folder: Path) -> PairFolder:
    _check_name(folder.name, folder.parent)
    mr, ct, mask, labels = _images(folder)
    about = _about(folder)
    grid = read_nifti_grid(mr)
    for file in (ct, mask, *([labels] if labels else [])):
        _check_same_grid(grid, read_nifti_grid(file), file)
    return PairFolder(folder.name, folder, mr, ct, mask, grid, about, labels)


def _images(folder: Path) -> tuple[Path, Path, Path, Path | None]:
    files = [path for path in sorted(folder.rglob("*")) if path.name.endswith(_SUFFIXES) and path.name[0] != "."]
    chosen = {}
    for part in (*PARTS, LABELS):
        named = [folder / (part + suffix) for suffix in _SUFFIXES if folder / (part + suffix) in files]
        if not named and part != LABELS:
            raise PairsError(
                "pair-file-missing",
                file=str(folder / f"{part}.nii.gz"),
                found=", ".join(str(file.relative_to(folder)) for file in files) or "no NIfTI file",
                remedy="give each patient mr.nii.gz, ct.nii.gz and mask.nii.gz",
            )
        if named:
            chosen[part] = named[0]
    others = [file for file in files if file not in chosen.values()]
    if others:
        raise PairsError(
            "pair-several-images",
            file=str(others[0]),
            accepted="one patient a folder, with mr, ct and mask once each",
            remedy="give another patient or acquisition a folder of its own, or take the file out",
        )
    return chosen["mr"], chosen["ct"], chosen["mask"], chosen.get(LABELS)


def _about(folder: Path) -> Mapping[str, object] | None:
    file = folder / "about.json"
    if not file.exists():
        return None
    try:
        about = loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as why:
        raise PairsError("about-unreadable", file=str(file), found=str(why)) from why
    if not isinstance(about, dict):
        raise PairsError("about-unreadable", file=str(file), found=type(about).__name__, accepted="a JSON object")
    stated = about.get("patient", folder.name)
    if stated != folder.name:
        raise PairsError(
            "pair-several-patients",
            file=str(file),
            found=str(stated),
            accepted=folder.name,
            remedy="the folder carries one patient's name and the file another's: find out whose images these are",
        )
    _check_about(file, about)
    return about


def _check_about(file: Path, about: Mapping[str, object]) -> None:
    """Refuse values that would be taken for something else: whose anatomy it is decides who may judge whom."""
    for key, kind, accepted in _STATED:
        value = about.get(key)
        if key in about and not (isinstance(value, kind) and value != ""):
            if key == "contrast" and value is None:  # what `pairs` writes where nobody said
                continue
            raise PairsError("about-unreadable", file=str(file), key=key, found=repr(value)[:80], accepted=accepted)


def _check_name(patient: str, folder: Path) -> None:
    if not _PATIENT.fullmatch(patient) or patient in NOT_PATIENTS:
        raise PairsError(
            "patient-name-unfit",
            folder=str(folder),
            found=patient,
            accepted="letters, digits, point, underscore and hyphen; 64 at most; neither aside nor overview",
        )


def _check_names(pairs: Sequence[PairFolder]) -> None:
    seen: dict[str, str] = {}
    for pair in pairs:
        other = seen.setdefault(pair.patient.casefold(), pair.patient)
        if other != pair.patient:
            raise PairsError(
                "patient-doubled",
                folder=str(pair.folder.parent),
                found=f"{other} and {pair.patient}",
                remedy="names that differ in capitals alone: name two patients apart, or remove the copy",
            )


def _check_same_grid(first: Grid, other: Grid, file: Path) -> None:
    ends = np.array([[0, 0, 0, 1], [*(count - 1 for count in first.size), 1]], dtype=np.float64)
    corners = np.array([[i, j, k, 1] for i in ends[:, 0] for j in ends[:, 1] for k in ends[:, 2]])
    apart = float(np.abs(corners @ (first.affine - other.affine).T).max())
    if first.size != other.size or apart > SAME_PLACE_MM:
        raise PairsError(
            "pair-grids-differ",
            file=str(file),
            found=f"{other.size} voxels, corners up to {apart:.2f} mm away",
            accepted=f"the grid of {'/'.join(file.parent.parts[-1:])}/mr: {first.size} voxels",
            remedy="make the pair by `synthnode models pairs`, which registers and resamples",
        )


def _smallest(values: npt.NDArray[np.floating]) -> npt.DTypeLike:
    whole = bool(np.array_equal(values, np.rint(values)))
    return np.int16 if whole and np.abs(values).max(initial=0) < 2**15 else np.float32
