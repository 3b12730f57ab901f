"""Contoured planning CTs as arrays, as a public set gives them (OpenKBP, Babier et al. 2021), made cases of labels.

One ``NAME.npz`` a patient: ``ct`` uint16, CT number plus an offset that varies from patient to patient, 0 outside;
``spacing`` in mm; a mask for each organ that the clinic contoured. Axes: rows to posterior, columns to the patient's
left, slices to inferior.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from models.errors import PairsError
from models.nifti import write_nifti
from models.tissues import AIR_HU
from models.volumes import Grid, Volume

ORGANS: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "Brainstem": ("Brainstem", 1),
        "SpinalCord": ("SpinalCord", 2),
        "LeftParotid": ("Parotid_L", 3),
        "RightParotid": ("Parotid_R", 4),
        "Mandible": ("Bone_Mandible", 5),
        "Larynx": ("Larynx", 6),
        "Esophagus": ("Esophagus", 7),
    }
)
"""By the set's name, the name of TG-263 and the label."""

_TISSUE_HU = MappingProxyType({"Brainstem": 30.0, "SpinalCord": 36.0})
"""What these measure in planning CTs, in HU: by them the offset is told."""

_OFFSETS = (960.0, 1030.0)
_MARGIN_VOXELS = 4

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ContouredCase:
    """A patient's CT with what the clinic contoured.

    Attributes
    ----------
    ct, organs, body
        On one grid: HU, labels of `ORGANS`, and 1 within the outline of the body.
    outlined
        TG-263 names of the organs that somebody contoured.
    offset_hu
        What was taken from the stored numbers.
    """

    ct: Volume
    organs: Volume
    body: Volume
    outlined: tuple[str, ...]
    offset_hu: float


def read_contoured(file: Path) -> ContouredCase:
    """Read one patient.

    Raises
    ------
    PairsError
        ``contours-unreadable`` where the file is no such archive, has no image or spacing, or a mask of another shape;
        ``offset-unknown`` where neither brainstem nor cord tells the offset, or tells one that cannot be.
    """
    try:
        with np.load(file) as content:
            arrays = {name: content[name] for name in content.files}
    except (OSError, ValueError, EOFError, BadZipFile) as why:
        raise _unreadable(file, " ".join(str(why).split())[:200]) from why
    stored, spacing = arrays.get("ct"), arrays.get("spacing")
    if stored is None or spacing is None or stored.ndim != 3 or spacing.shape != (3,) or not stored.any():
        raise _unreadable(file, ", ".join(sorted(arrays)) or "nothing")
    masks = {name: arrays[name] > 0 for name in ORGANS if name in arrays and arrays[name].any()}
    if strange := sorted(name for name, mask in masks.items() if mask.shape != stored.shape):
        raise _unreadable(file, f"masks of another shape than ct: {', '.join(strange)}")
    offset = _offset(file, stored, masks)
    body = _filled(stored > 0)
    hu = np.where(stored > 0, stored.astype(np.float32) - offset, AIR_HU).clip(AIR_HU, None)
    organs = np.zeros(stored.shape, np.float32)
    for name, mask in masks.items():
        organs[mask & (organs == 0)] = ORGANS[name][1]
    rows, columns, slices = (float(value) for value in spacing)
    ct, labels, outline = (_axial(values, body) for values in (hu, organs, body.astype(np.float32)))
    grid = Grid(ct.shape[::-1], (columns, rows, slices), (0.0, 0.0, 0.0))
    names = tuple(ORGANS[name][0] for name in masks)
    return ContouredCase(Volume(ct, grid), Volume(labels, grid), Volume(outline, grid), names, offset)


def write_contoured(case: ContouredCase, folder: Path) -> None:
    """Write a case as `models.training.data.paired` reads it: ``ct``, ``organs``, ``mask``, and what was outlined."""
    folder.mkdir(parents=True, exist_ok=True)
    write_nifti(case.ct, folder / "ct.nii.gz", np.int16)
    write_nifti(case.organs, folder / "organs.nii.gz", np.uint8)
    write_nifti(case.body, folder / "mask.nii.gz", np.uint8)
    about = {"outlined": list(case.outlined), "offset_hu": case.offset_hu}
    (folder / "about.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def _offset(file: Path, stored: npt.NDArray[np.uint16], masks: Mapping[str, npt.NDArray[np.bool_]]) -> float:
    for name, usual in _TISSUE_HU.items():
        if name in masks:
            offset = float(np.median(stored[masks[name]])) - usual
            if _OFFSETS[0] <= offset <= _OFFSETS[1]:
                return offset
    raise PairsError(
        "offset-unknown",
        file=str(file),
        found=f"contours of {', '.join(masks) or 'nothing'}",
        accepted=f"brainstem or cord by which the offset is {_OFFSETS[0]:g} to {_OFFSETS[1]:g}",
    )


def _filled(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return the outline slice by slice with its air cavities."""
    filled = np.zeros_like(inside)
    for number in range(inside.shape[2]):
        filled[..., number] = ndimage.binary_fill_holes(inside[..., number])
    return filled


def _axial(values: npt.NDArray[np.float32], body: npt.NDArray[np.bool_]) -> Array:
    """Return an array as (k, j, i) along LPS axes, cut to the body with a margin."""
    where = np.nonzero(body)
    box = tuple(slice(max(0, int(axis.min()) - _MARGIN_VOXELS), int(axis.max()) + 1 + _MARGIN_VOXELS) for axis in where)
    return np.ascontiguousarray(values[box].transpose(2, 0, 1)[::-1])


def _unreadable(file: Path, found: str) -> PairsError:
    return PairsError("contours-unreadable", file=str(file), found=found, accepted="an npz with ct, spacing and masks")
