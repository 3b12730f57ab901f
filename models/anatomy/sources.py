"""Label maps from a folder: which files are maps, what their numbers mean, and the prepared maps, kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from scipy import ndimage

from models.anatomy import heads
from models.anatomy.enclosing import enclosed
from models.anatomy.label_map import Bytes, LabelMap, label_map, load_map, save_map
from models.anatomy.own import FILE, read_own
from models.anatomy.reading import COLOURS, LabelVolume, own_names, read_labels
from models.anatomy.schemes import HEADS, VERTEBRAE, Background, Scheme
from models.anatomy.words import tissue_of
from models.errors import InputError
from models.tissues import Mixture, Tissue

_PREPARATION = 3
"""Counted up whenever maps are prepared in another way, so that kept ones are made anew."""

_SUBREGIONS = "seg-subreg"
_UNKNOWN = 255
_MARGIN_MM = 26.0
"""Air that is left around a body, within which `enclosed` may put skin."""


@dataclass(frozen=True, slots=True)
class FoundLabel:
    """One number of a label map.

    Attributes
    ----------
    number, name
        What stands in the file, and what it is called.
    tissue
        Name of its `Tissue` or `Mixture`; None where nothing says what it is.
    millilitres
        How much of it there is.
    """

    number: int
    name: str
    tissue: str | None
    millilitres: float


@dataclass(frozen=True, slots=True)
class FoundMap:
    """One label map as it lies in a folder, and what its numbers mean.

    Attributes
    ----------
    file
        Where it lies.
    scheme
        By what its numbers were understood.
    voxel_mm
        Side of its voxels.
    labels
        By number; number 0 is left out.
    """

    file: Path
    scheme: str
    voxel_mm: float
    labels: tuple[FoundLabel, ...]

    @property
    def unknown(self) -> tuple[FoundLabel, ...]:
        """Labels that have no tissue, for which the map is refused."""
        return tuple(label for label in self.labels if label.tissue is None)


def map_files(folder: Path) -> list[Path]:
    """Return the label maps in `folder`, by name.

    With a ``labels.yaml``, they are the files that it asks for. Without one, files that name their own labels (a NIfTI
    with a label table, an NRRD with a colour table) or are named for vertebrae's subregions come alone, so that images
    beside them are passed over; where there are none, every ``*.nii.gz`` is taken for a map of a whole head.

    Raises
    ------
    InputError
        If there is none.
    """
    own = read_own(folder)
    if own is not None:
        files = sorted(folder.glob(own.files))
    else:
        images = sorted([*folder.glob("*.nii.gz"), *folder.glob("*.nrrd")])
        files = [file for file in images if _SUBREGIONS in file.name or own_names(file)]
        files = files or [file for file in images if file.name.endswith(".nii.gz")]
    if not files:
        raise InputError(
            "labels-absent",
            folder=str(folder),
            expected=f"*.nii.gz label maps, *.nrrd with {COLOURS}, or a {FILE} that says which files are maps",
        )
    return files


def found_map(file: Path) -> FoundMap:
    """Read a label map and say what is in it, without refusing what is unknown.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    volume, scheme = read_labels(file), scheme_of(file)
    numbers, counts = np.unique(volume.numbers, return_counts=True)
    labels = []
    for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
        if number:
            code = scheme.tissues.get(number)
            tissue = None if code is None else (Mixture(code) if code in set(Mixture) else Tissue(code)).name.lower()
            labels.append(FoundLabel(number, scheme.name_of(number), tissue, count * volume.voxel_mm**3 / 1000))
    return FoundMap(file, scheme.name, volume.voxel_mm, tuple(labels))


def scheme_of(file: Path) -> Scheme:
    """Return what the numbers of a map mean, by the ``labels.yaml`` beside it, its own names, or its file's name."""
    own, names = read_own(file.parent), own_names(file)
    found: Scheme | None = None
    if names:
        known = {number: tissue_of(name) for number, name in names.items() if number}
        tissues = {number: code for number, code in known.items() if code is not None}
        eyes = tuple(number for number, code in tissues.items() if code == Tissue.EYE)
        found = Scheme("names in the file", tissues, names, Background.ENCLOSED, eyes)
    elif _SUBREGIONS in file.name:
        found = VERTEBRAE
    elif own is None:
        found = HEADS
    return own.over(found) if own is not None else found or HEADS


def prepare(file: Path) -> LabelMap:
    """Read one label map and prepare it.

    Raises
    ------
    InputError
        If it cannot be read, is empty, or holds labels that have no tissue (``label-unknown``, with their names).
    """
    scheme = scheme_of(file)
    volume = _cropped(read_labels(file))
    tissue = _to_tissue(volume, scheme, file)
    orbit = np.isin(volume.numbers, scheme.orbit)
    if scheme.whole_head:
        tissue = heads.refined(tissue, orbit, volume.voxel_mm)
    if scheme.background is Background.ENCLOSED:
        tissue = enclosed(tissue, volume.voxel_mm)
    return label_map(_stem(file), tissue, volume.voxel_mm, orbit)


def prepared(files: Sequence[Path], cache: Path, about_to: Callable[[int], None] = lambda _: None) -> list[LabelMap]:
    """Return the maps of `files`, prepared once and kept in the folder `cache`.

    Parameters
    ----------
    about_to
        Called, where any has to be prepared, with how many: it takes up to 15 s each.
    """
    cache.mkdir(parents=True, exist_ok=True)
    kept = {file: cache / f"{_stem(file)}.{_key(file)}.npz" for file in files}
    if new := sum(not place.exists() for place in kept.values()):
        about_to(new)
    return [_cached(file, place) for file, place in kept.items()]


def _cached(file: Path, kept: Path) -> LabelMap:
    if not kept.exists():
        save_map(prepare(file), kept)
    return load_map(kept)


def _key(file: Path) -> str:
    """Return what a kept map depends on, so that one is made anew when its file or its labels' meaning changes."""
    try:
        content = file.read_bytes()
    except OSError as why:
        raise InputError("labels-unreadable", file=str(file), found=str(why)) from why
    return sha256(content + repr((_PREPARATION, scheme_of(file))).encode()).hexdigest()[:12]


def _cropped(volume: LabelVolume) -> LabelVolume:
    """Return the volume without most of the air around: what follows takes time by the voxel."""
    boxes = ndimage.find_objects((volume.numbers > 0).astype(np.uint8))
    if not boxes:
        return volume
    margin = round(_MARGIN_MM / volume.voxel_mm)
    box = tuple(slice(max(0, side.start - margin), side.stop + margin) for side in boxes[0])
    return LabelVolume(volume.numbers[box], volume.voxel_mm)


def _to_tissue(volume: LabelVolume, scheme: Scheme, file: Path) -> Bytes:
    table = np.full(max(1024, int(volume.numbers.max()) + 1), _UNKNOWN, np.uint8)
    table[0] = Mixture.SOFT if scheme.background is Background.SOFT else Tissue.AIR
    for number, tissue in scheme.tissues.items():
        if number < len(table):
            table[number] = tissue
    found: Bytes = table[volume.numbers]
    if (found == _UNKNOWN).any():
        unknown = np.unique(volume.numbers[found == _UNKNOWN]).tolist()
        raise InputError(
            "label-unknown",
            file=str(file),
            labels=str(unknown[:8]),
            names=", ".join(scheme.name_of(number) for number in unknown[:8]),
            remedy=f"give them tissues in a {FILE} beside the map",
        )
    return found


def _stem(file: Path) -> str:
    return file.name.removesuffix(".gz").removesuffix(".nii").removesuffix(".nrrd")
