"""What is no head: trunks, limbs and label atlases of other body parts, noise, and bodies of geometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK
from scipy import ndimage

from models.errors import InputError
from models.generator.views.bodies import COARSE_MM
from models.generator.views.heads import shown_as_ct
from models.generator.views.rendering import Floats, cropped, draw_pose, received, smooth, taken
from models.tissues import AIR_HU
from models.volumes import Grid, Volume

_TRUNK_VOXELS = (63, 63, 90)
"""Size along k, j, i of the arrays that trunks are drawn in: 25 x 25 x 36 cm."""

_HEAD_AND_NECK = "head-neck"
_NECK_SHARE = 0.55
"""Of the head-and-neck atlas, the lower part that holds no vault."""


@dataclass(frozen=True, slots=True, eq=False)
class Atlas:
    """A label volume of another body part.

    Attributes
    ----------
    name
        Of its file.
    labels
        int16, [k, j, i] along LPS axes at `COARSE_MM`; 0 outside the body, 1 inside it without a label.
    """

    name: str
    labels: npt.NDArray[np.int16]


def atlases_in(folder: Path) -> tuple[Atlas, ...]:
    """Read the label volumes (``*-labels.nrrd``) in `folder` that show other parts than the brain.

    Raises
    ------
    InputError
        If there is none (``atlases-absent``).
    """
    files = [file for file in sorted(folder.glob("*-labels.nrrd")) if not file.name.startswith("brain")]
    if not files:
        raise InputError("atlases-absent", folder=str(folder), expected="*-labels.nrrd of other parts than the brain")
    return tuple(_atlas(file) for file in files)


def other_body_part(rng: np.random.Generator, atlases: Sequence[Atlas]) -> Volume:
    """Return MR of a made trunk, or of an atlas when there is one, in fields that cut it in one way or another."""
    atlas = atlases[int(rng.integers(len(atlases)))] if atlases and rng.random() < 0.4 else None
    signal = trunk(rng) if atlas is None else _of_atlas(rng, atlas)
    return received(rng, _in_any_field(rng, taken(signal, COARSE_MM, draw_pose(rng))))


def ct_of_other_part(rng: np.random.Generator) -> Volume:
    """Return CT of a made trunk."""
    signal = trunk(rng)
    hu = np.where(signal > 0, 160 * signal - 100, AIR_HU).astype(np.float32)
    volume = _in_any_field(rng, taken(hu, COARSE_MM, draw_pose(rng), AIR_HU))
    return Volume(shown_as_ct(rng, volume.values), volume.grid)


def limb(rng: np.random.Generator) -> Volume:
    """Return MR of one or two limbs: muscle around a bone, fat around both."""
    shape = (63, 45, 68)
    x, y, z = _places(shape)
    signal = np.zeros(shape, np.float32)
    fat, muscle, marrow = rng.uniform(0.2, 1.0, 3)
    for side in rng.choice([-1, 1], size=int(rng.integers(1, 3)), replace=False):
        radius = rng.uniform(30, 65) * (1 + rng.uniform(-0.15, 0.15) * z / 120)
        away = np.hypot(x - side * rng.uniform(50, 75), y - rng.uniform(-10, 10)) / radius
        signal[away < 1] = fat
        signal[away < rng.uniform(0.7, 0.95)] = muscle
        for bone in range(int(rng.integers(1, 3))):
            offset, size = rng.uniform(-0.25, 0.25) + 0.4 * bone, rng.uniform(0.15, 0.3)
            inner = np.hypot(x - side * 62 - offset * radius, y - offset * radius) / radius
            signal[(inner < size) & (away < 1)] = 0.05
            signal[(inner < 0.65 * size) & (away < 1)] = marrow
    return received(rng, _in_any_field(rng, taken(signal, COARSE_MM, draw_pose(rng))))


def noise(rng: np.random.Generator) -> Volume:
    """Return what no body gives: noise, evenly or in the shape of a coil, or a smooth nothing."""
    size = [int(length) for length in rng.integers(30, 60, 3)]
    shape = (size[2], size[1], size[0])
    values = np.hypot(*rng.standard_normal((2, *shape), dtype=np.float32))
    kind = rng.choice(["even", "smooth", "shaped", "correlated"])
    if kind == "smooth":
        values = np.exp(smooth(rng, shape, int(rng.integers(3, 9)))) + np.float32(0.03) * values
    if kind == "shaped":
        values *= np.exp(smooth(rng, shape, 4))
    if kind == "correlated":
        values = np.abs(ndimage.gaussian_filter(values - values.mean(), rng.uniform(0.6, 3)))
    return _volume(np.asarray(values, np.float32), rng.uniform(3.5, 5.5))


def shapes(rng: np.random.Generator) -> Volume:
    """Return phantoms of quality assurance: balls, cylinders and boxes, full or hollow, with things in them."""
    shape = (60, 60, 60)
    x, y, z = _places(shape)
    radii = rng.uniform(35, 105, 3) if rng.random() < 0.6 else np.full(3, rng.uniform(35, 105))
    kind = rng.choice(["ball", "cylinder", "box"])
    parts = np.abs(np.stack([x / radii[0], y / radii[1], z / radii[2]]))
    if kind == "ball":
        away = np.sqrt((parts**2).sum(axis=0))
    elif kind == "cylinder":
        axis = int(rng.integers(3))
        away = np.maximum(np.hypot(*(parts[other] for other in range(3) if other != axis)), parts[axis])
    else:
        away = parts.max(axis=0)
    signal = np.where(away < 1, np.float32(1), np.float32(0))
    if rng.random() < 0.4:
        signal[away < rng.uniform(0.7, 0.95)] = rng.uniform(0, 0.5)
    for _ in range(int(rng.integers(0, 8))):
        centre, size = rng.uniform(-60, 60, 3), rng.uniform(5, 25)
        near = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2 < size**2
        signal[near & (away < 1)] = rng.uniform(0, 1.3)
    return received(rng, _in_any_field(rng, taken(signal.astype(np.float32), COARSE_MM, draw_pose(rng))))


def trunk(rng: np.random.Generator) -> Floats:
    """Draw the signal of a trunk: skin, fat, a wall of muscle, organs, a spine, perhaps lungs, arms or legs."""
    x, y, z = _places(_TRUNK_VOXELS)
    width, depth = rng.uniform(110, 175), rng.uniform(75, 120)
    taper = 1 + rng.uniform(-0.25, 0.25) * z / 130
    away = np.sqrt((x / (width * taper)) ** 2 + (y / (depth * taper)) ** 2)
    body = away < 1
    wall = 1 - rng.uniform(5, 35) / depth
    signal = np.zeros(_TRUNK_VOXELS, np.float32)
    signal[body] = rng.uniform(0.3, 1.0)
    signal[away < wall] = rng.uniform(0.15, 0.5)
    signal[away < wall - rng.uniform(0.05, 0.2)] = rng.uniform(0.2, 0.9)
    lungs = rng.random() < 0.25
    for organ in range(int(rng.integers(6, 18))):
        centre = rng.uniform(-0.65, 0.65, 3) * (width, depth, 125)
        radii = rng.uniform(12, 60, 3)
        near = sum(((at - c) / r) ** 2 for at, c, r in zip((x, y, z), centre, radii, strict=True)) < 1
        signal[near & (away < wall - 0.05)] = 0.03 if lungs and organ < 3 else rng.uniform(0.1, 1.0)
    _spine(rng, signal, x, y - rng.uniform(0.4, 0.6) * depth, z)
    if rng.random() < 0.3:
        hips = (np.abs(np.abs(x) - 0.55 * width) < rng.uniform(18, 30)) & (np.abs(y) < 28) & (z < rng.uniform(-40, 40))
        signal[hips & body] = rng.uniform(0.3, 0.8)
    return signal * (1 + np.float32(0.15) * smooth(rng, _TRUNK_VOXELS, 14))


def _spine(rng: np.random.Generator, signal: Floats, x: Floats, y: Floats, z: Floats) -> None:
    column = np.hypot(x / 1.25, y) < rng.uniform(14, 20)
    disc = np.mod(z, rng.uniform(30, 40)) < rng.uniform(5, 10)
    signal[column] = rng.uniform(0.3, 0.9)
    signal[column & disc] = rng.uniform(0.1, 1.0)
    signal[np.hypot(x, y - 24) < rng.uniform(6, 9)] = rng.uniform(0.1, 1.2)


def _of_atlas(rng: np.random.Generator, atlas: Atlas) -> Floats:
    labels = atlas.labels
    if atlas.name.startswith(_HEAD_AND_NECK):
        labels = labels[: int(_NECK_SHARE * labels.shape[0])]
    means = rng.uniform(0.1, 1.0, int(labels.max()) + 1).astype(np.float32)
    means[0] = 0.0
    fat = np.float32(rng.uniform(0.2, 1.0)) * (1 + np.float32(0.3) * smooth(rng, labels.shape, 10))
    return np.where(labels == 1, fat, means[labels]).astype(np.float32)


def _atlas(file: Path) -> Atlas:
    try:
        image = SimpleITK.DICOMOrient(SimpleITK.ReadImage(str(file)), "LPS")
    except RuntimeError as why:
        raise InputError("atlas-unreadable", file=str(file), found=str(why).splitlines()[-1]) from why
    steps = [max(1, round(COARSE_MM / one)) for one in reversed(image.GetSpacing())]
    labels = SimpleITK.GetArrayFromImage(image)[:: steps[0], :: steps[1], :: steps[2]].astype(np.int16)
    # Labels alone leave holes; what lies between them is body too.
    body = np.stack([ndimage.binary_closing(np.pad(part > 0, 11), iterations=9)[11:-11, 11:-11] for part in labels])
    body = ndimage.binary_dilation(body, iterations=2)
    return Atlas(file.name.split(".")[0], np.where(body & (labels == 0), 1, labels).astype(np.int16))


def _in_any_field(rng: np.random.Generator, volume: Volume) -> Volume:
    shape = np.array(volume.values.shape)
    low = (rng.uniform(-0.1, 0.35, 3) * shape).astype(int)
    high = (rng.uniform(0.65, 1.1, 3) * shape).astype(int)
    return cropped(volume, np.stack([low, high], axis=1))


def _places(shape: tuple[int, int, int]) -> tuple[Floats, Floats, Floats]:
    """Return x, y, z in mm from the middle of an array [k, j, i], each broadcast to its shape."""
    k, j, i = (((np.arange(length) - (length - 1) / 2) * COARSE_MM).astype(np.float32) for length in shape)
    z, y, x = np.broadcast_arrays(k[:, None, None], j[None, :, None], i[None, None, :])
    return x, y, z


def _volume(values: Floats, spacing: float) -> Volume:
    k, j, i = values.shape
    return Volume(values, Grid((i, j, k), (spacing,) * 3, tuple(-length * spacing / 2 for length in (i, j, k))))
