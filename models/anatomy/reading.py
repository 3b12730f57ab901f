"""Label volumes from files: numbers on cubic voxels along LPS axes, and the names that a file gives to its numbers."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nibabel
import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import SpatialImage

from models.errors import InputError
from models.nifti import UNREADABLE, check_numbers, loaded, stated_spacing, whole

Numbers = npt.NDArray[np.int32]

COLOURS = ".ctbl"
"""Suffix of a colour table that names the labels of the NRRD beside it."""

_THICKEST_MM = 6.0
_FRACTION = 1e-3
_HEAD_ENDS = re.compile(rb"\r?\n\r?\n")
_GZIPPED = re.compile(rb"^encoding: *gz(ip)?\s*$", re.IGNORECASE | re.MULTILINE)
"""Of an NRRD: a blank line ends its header, in which a field says how what follows is packed (teem, NRRD0005)."""

_TABLE_ROW = re.compile(r"^\s*(\d+)\s+(\S+)")


@dataclass(frozen=True, slots=True, eq=False)
class LabelVolume:
    """Labels as a file has them.

    Attributes
    ----------
    numbers
        [k, j, i] along LPS axes.
    voxel_mm
        Side of the cubic voxels.
    """

    numbers: Numbers
    voxel_mm: float


def read_labels(file: Path) -> LabelVolume:
    """Read a label map (NIfTI or NRRD); voxels that are no cubes are read as cubes of their finest side.

    Raises
    ------
    InputError
        As `stored_labels`.
    """
    numbers, spacing = stored_labels(file)
    finest = min(spacing)
    for axis, step in enumerate(spacing):
        if step - finest > _FRACTION:
            count = max(1, round(numbers.shape[axis] * step / finest))
            at = ((np.arange(count) + 0.5) * finest / step).astype(int).clip(max=numbers.shape[axis] - 1)
            numbers = numbers.take(at, axis=axis)
    return LabelVolume(numbers, finest)


def stored_labels(file: Path) -> tuple[Numbers, tuple[float, float, float]]:
    """Read a label map (NIfTI or NRRD) on the voxels that it has.

    Returns
    -------
    numbers
        [k, j, i] along LPS axes.
    spacing
        Sides of the voxels in mm along k, j, i.

    Raises
    ------
    InputError
        If the file cannot be read (``labels-unreadable``), holds no whole numbers of 0 or more in three axes
        (``labels-not-whole``), has slices over 6 mm thick (``labels-too-thick``), or a NIfTI header with sides that are
        no lengths (``nifti-geometry``).
    """
    try:
        values, spacing = _nrrd(file) if file.name.endswith(".nrrd") else _nifti(file)
    except (*UNREADABLE, RuntimeError) as why:
        raise InputError("labels-unreadable", file=str(file), found=str(why).strip().splitlines()[-1]) from why
    if values.ndim != 3 or not np.isfinite(values).all() or values.min() < 0 or (values % 1 > _FRACTION).any():
        found = f"{values.ndim} axes, values from {values.min():g} to {values.max():g}"
        raise InputError("labels-not-whole", file=str(file), found=found, accepted="a volume of whole numbers from 0")
    if max(spacing) > _THICKEST_MM:
        raise InputError("labels-too-thick", file=str(file), spacing_mm=str(spacing), accepted=f"to {_THICKEST_MM} mm")
    k, j, i = spacing
    return values.astype(np.int32), (k, j, i)


def own_names(file: Path) -> Mapping[int, str]:
    """Return what a file says of its numbers: a NIfTI's label table, or the colour table beside an NRRD."""
    if file.name.endswith(".nrrd"):
        table = file.with_suffix(COLOURS)
        return _colour_table(table) if table.exists() else {}
    try:
        image = loaded(file)
        extensions = image.header.extensions if isinstance(image, nibabel.Nifti1Image) else []
    except UNREADABLE:
        return {}
    for extension in extensions:
        # Before version 5.3 the library had no plain access to an extension's bytes.
        content = extension.content if hasattr(extension, "content") else extension.get_content()
        text = content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)
        if "<LabelTable" in text:
            return _label_table(text)
    return {}


def _nifti(file: Path) -> tuple[npt.NDArray[Any], tuple[float, ...]]:
    image = loaded(file)
    if isinstance(image, nibabel.Nifti1Image):
        check_numbers(image, file)
        stated_spacing(image, file)
    if not isinstance(image, SpatialImage):
        raise ImageFileError(f"{type(image).__name__}, which is no volume")
    with whole(image) as stored:
        image = nibabel.as_closest_canonical(stored)
        # Canonical NIfTI is RAS with index (i, j, k); ours is LPS with index [k, j, i].
        values = np.asarray(image.dataobj)[::-1, ::-1].T
    spacing = tuple(float(step) for step in image.header.get_zooms()[:3])
    return values, spacing[::-1]


def _nrrd(file: Path) -> tuple[npt.NDArray[Any], tuple[float, ...]]:
    _check_whole(file)
    image = sitk.DICOMOrient(sitk.ReadImage(str(file)), "LPS")
    return sitk.GetArrayFromImage(image), tuple(float(step) for step in image.GetSpacing())[::-1]


def _check_whole(file: Path) -> None:
    """Read a packed NRRD to its checksum, where ITK does not come: a damaged one would give other labels."""
    head, *rest = _HEAD_ENDS.split(file.read_bytes(), maxsplit=1)
    if rest and _GZIPPED.search(head):
        gzip.decompress(rest[0])


def _colour_table(file: Path) -> dict[int, str]:
    rows = (_TABLE_ROW.match(line) for line in file.read_text(encoding="utf-8", errors="replace").splitlines())
    return {int(row[1]): row[2] for row in rows if row}


def _label_table(text: str) -> dict[int, str]:
    # The extension is XML of another program: no entities, nothing but the rows that are wanted.
    if "<!ENTITY" in text or "<!DOCTYPE" in text:
        return {}
    try:
        root = ElementTree.fromstring(text[: text.rindex(">") + 1])  # noqa: S314
    except (ElementTree.ParseError, ValueError):
        return {}
    return {int(row.get("Key", "-1")): (row.text or "").strip() for row in root.iter("Label") if row.get("Key")}
