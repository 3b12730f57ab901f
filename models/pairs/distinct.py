"""Whether two patients' images are one: the same person under two names would leak from training into validation."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from models.errors import PairsError
from models.nifti import read_nifti
from models.volumes import Volume

Image = tuple[str, Sequence[Path]]
"""A patient and the files of the patient's images."""


def check_no_copies(images: Iterable[Image]) -> None:
    """Refuse two patients with the same image file, by checksums that need no voxel to be read.

    A gzip file ends with the CRC-32 and the length of what it holds, so this costs eight bytes a file; what agrees in
    them is then compared voxel by voxel.

    Raises
    ------
    PairsError
        ``patient-doubled``, naming both files.
    """
    seen: dict[str, tuple[str, Path]] = {}
    for patient, files in images:
        for file in files:
            other, first = seen.setdefault(checksum(file), (patient, file))
            if other != patient and fingerprint(read_nifti(first)) == fingerprint(read_nifti(file)):
                raise _doubled(first, file)


def check_distinct(images: Iterable[Image]) -> None:
    """Refuse two patients with the same image, however it was stored: type, compression, header, order of axes.

    Every voxel is read. An image that was resampled or changed in any voxel is another image to this check.

    Raises
    ------
    PairsError
        ``patient-doubled``, naming both files.
    InputError
        If a file cannot be read.
    """
    seen: dict[str, tuple[str, Path]] = {}
    for patient, files in images:
        for file in files:
            other, first = seen.setdefault(fingerprint(read_nifti(file)), (patient, file))
            if other != patient:
                raise _doubled(first, file)


def fingerprint(volume: Volume) -> str:
    """Return a hash of a volume's values as the patient has them: axes put in the order and sense nearest to LPS."""
    axes = np.asarray(volume.grid.direction)
    order = _nearest_axes(axes)
    values = volume.values.transpose(2, 1, 0).transpose(order)
    flips = tuple(np.s_[::-1] if axes[axis, world] < 0 else np.s_[:] for world, axis in enumerate(order))
    canonical = np.ascontiguousarray(values[flips], dtype=np.float32)
    return hashlib.sha256(str(canonical.shape).encode() + canonical.tobytes()).hexdigest()


def checksum(file: Path) -> str:
    """Return CRC-32 and length of what a file holds, in hexadecimal: it tells an accident, no intent.

    Raises
    ------
    PairsError
        ``pair-file-unreadable``.
    """
    try:
        with file.open("rb") as stream:
            if file.suffix == ".gz":
                stream.seek(-8, 2)
                return stream.read(8).hex()
            content = stream.read()
    except OSError as why:
        raise PairsError("pair-file-unreadable", file=str(file), found=str(why)) from why
    return (zlib.crc32(content).to_bytes(4, "little") + (len(content) % 2**32).to_bytes(4, "little")).hex()


def _nearest_axes(axes: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[int, ...]:
    """Return for x, y and z the voxel axis that runs most along it, each axis once."""
    strength = np.abs(axes).copy()
    order = [0, 0, 0]
    for _ in range(3):
        axis, world = np.unravel_index(int(strength.argmax()), strength.shape)
        order[int(world)] = int(axis)
        strength[axis, :] = strength[:, world] = -1.0
    return tuple(order)


def _doubled(first: Path, second: Path) -> PairsError:
    return PairsError(
        "patient-doubled",
        file=str(second),
        same=str(first),
        found="the same image under two patients' names",
        remedy="remove one: the same person in training and validation makes every figure too good",
    )
