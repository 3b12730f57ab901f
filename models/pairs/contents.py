"""Whether a pair's voxels are what the files' names say: an MR, a CT in HU, and a body mask."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.errors import PairsError

Values = npt.NDArray[np.floating]

LOWEST_HU, HIGHEST_HU = -1100.0, 4000.0
"""What a CT in HU may hold: air with its noise, and metal on the 12-bit scale that SynthRAD and most scanners keep."""

_AIR_TO_HU = -850.0
"""Outside air is near -1000 HU; noise and partial volume lift it, but not over this."""

_LEAST_AIR = 0.001
"""Share of voxels that are air in any CT of a body: what surrounds it, or the bowel's and the lungs' gas."""

_LEAST_TISSUE = 0.01


def check_contents(patient: str, files: tuple[Path, Path, Path], mr: Values, ct: Values, mask: Values) -> None:
    """Refuse a pair whose images are not an MR, a CT in HU and a mask.

    Parameters
    ----------
    patient
        Named in the errors.
    files
        Of MR, CT and mask, in this order.
    mr, ct, mask
        Their values.

    Raises
    ------
    PairsError
        As `check_images`; ``image-not-finite``, ``mask-not-binary`` or ``mask-empty``.
    """
    check_images(patient, (str(files[0]), str(files[1])), mr, ct)
    file = str(files[2])
    _check_finite(file, mask)
    if not np.isin(mask, (0, 1)).all():
        raise PairsError("mask-not-binary", file=file, found=f"up to {mask.max():g}", accepted="0 and 1")
    if not mask.any():
        raise PairsError("mask-empty", file=file, found="no voxel of body", remedy="make the mask anew")


def check_images(patient: str, names: tuple[str, str], mr: Values, ct: Values) -> None:
    """Refuse two images, on one grid or on two, that are not an MR and a CT in HU.

    Parameters
    ----------
    patient, names
        The patient, and what the MR and the CT are called: they are named in the errors.
    mr, ct
        Their values.

    Raises
    ------
    PairsError
        ``image-not-finite``, ``image-constant``, ``pair-names-swapped`` (the MR holds HU and the CT does not),
        ``pair-same-image``, ``ct-not-hu`` (no air near -1000 HU, nothing dense, or values outside
        `LOWEST_HU` to `HIGHEST_HU`) or ``mr-looks-like-hu``.
    """
    for name, values in zip(names, (mr, ct), strict=True):
        _check_finite(name, values)
        if values.min() == values.max():
            raise PairsError("image-constant", file=name, found=f"{float(values.flat[0]):g} in every voxel")
    if np.array_equal(mr, ct):
        raise PairsError("pair-same-image", patient=patient, file=names[0], found="the same voxels in both files")
    mr_is_hu = looks_like_hu(mr)
    if mr_is_hu and not looks_like_hu(ct):
        raise PairsError(
            "pair-names-swapped",
            patient=patient,
            file=names[0],
            found="HU in the MR's file and none in the CT's",
            remedy="exchange the names of mr and ct",
        )
    _check_hu(names[1], ct)
    if mr_is_hu:
        raise PairsError(
            "mr-looks-like-hu",
            file=names[0],
            found=f"values from {mr.min():.0f} with air near -1000, as a CT",
            remedy="put the MR under this name",
        )


def looks_like_hu(values: Values) -> bool:
    """Return whether an image has air near -1000 and tissue around 0, as only a CT in HU has."""
    air = (values >= LOWEST_HU) & (values <= _AIR_TO_HU)
    tissue = (values > -200) & (values < 300)
    return bool(air.mean() >= _LEAST_AIR and tissue.mean() >= _LEAST_TISSUE)


def _check_finite(name: str, values: Values) -> None:
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise PairsError("image-not-finite", file=name, found=f"{bad} voxels NaN or infinite")


def _check_hu(name: str, ct: Values) -> None:
    lowest, highest = float(ct.min()), float(ct.max())
    if not looks_like_hu(ct) or lowest < LOWEST_HU or highest > HIGHEST_HU:
        raise PairsError(
            "ct-not-hu",
            file=name,
            found=f"values from {lowest:g} to {highest:g}, {(ct <= _AIR_TO_HU).mean():.2%} at or below {_AIR_TO_HU:g}",
            accepted=f"HU from {LOWEST_HU:g} to {HIGHEST_HU:g} with air near -1000",
            remedy="apply the rescale slope and intercept, and set what lies outside the scanner's field to -1000",
        )
