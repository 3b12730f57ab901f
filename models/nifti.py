"""NIfTI files in and out: this floor's only image files."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt
from nibabel.dataobj_images import DataobjImage
from nibabel.filebasedimages import FileBasedImage, ImageFileError
from nibabel.fileholders import FileHolder
from nibabel.imageglobals import logger as remarks
from nibabel.openers import ImageOpener
from nibabel.spatialimages import HeaderDataError

from models.errors import InputError
from models.volumes import Grid, Triple, Volume

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""NIfTI counts millimetres towards right, anterior and superior; DICOM and ITK towards left, posterior and superior."""

UNREADABLE = (OSError, EOFError, ValueError, OverflowError, zlib.error, ImageFileError, HeaderDataError)
"""What is raised where an image, or the stream it is compressed in, is damaged."""

_CHUNK = 1 << 20
_AGAIN = "convert it from its DICOM series again"
_SPACINGS_AGREE = 0.01
_APART_MM = 1.0

_SPACE_UNITS, _UNSTATED, _MILLIMETRE = 0b111, 0, 2
_OTHER_UNITS = {1: "of metres", 3: "of micrometres"}
"""Bits and codes of the header's ``xyzt_units``; nifti1.h of the NIfTI-1.1 data format."""


def read_nifti(file: Path) -> Volume:
    """Read a NIfTI file of one volume; values become float32, scaled by the header's slope and intercept.

    Raises
    ------
    InputError
        If the file cannot be read (``nifti-unreadable``), holds colours or complex numbers (``nifti-datatype``) or not
        one volume of three axes (``nifti-not-3d``), or has a header that does not say, or says in two ways, how large
        its voxels are and where in the patient they lie (``nifti-geometry``).
    """
    image = _opened(file)
    try:
        with whole(image) as stored:
            values = np.asarray(stored.dataobj, dtype=np.float32)
    except UNREADABLE as why:
        raise InputError("nifti-unreadable", file=str(file), found=str(why)) from why
    grid = _grid(image, file)
    return Volume(np.ascontiguousarray(values.reshape(grid.size).transpose(2, 1, 0)), grid)


def read_nifti_grid(file: Path) -> Grid:
    """Read where the voxels of a NIfTI file stand, without reading the voxels; errors as of `read_nifti`."""
    return _grid(_opened(file), file)


def _opened(file: Path) -> nibabel.Nifti1Image:
    try:
        image = loaded(file)
    except UNREADABLE as why:
        raise InputError("nifti-unreadable", file=str(file), found=str(why)) from why
    if not isinstance(image, nibabel.Nifti1Image):
        raise InputError("nifti-unreadable", file=str(file), found=type(image).__name__)
    check_numbers(image, file)
    return image


def check_numbers(image: nibabel.Nifti1Image, file: Path) -> None:
    """Refuse an image whose voxels are not one real number each.

    Raises
    ------
    InputError
        ``nifti-datatype``: of colours there is no one value, and of complex numbers the real part alone is no image.
    """
    kind = image.get_data_dtype().kind
    if kind in "iuf":
        return
    header = image.header
    raise InputError(
        "nifti-datatype",
        file=str(file),
        found=f"{header.get_value_label('datatype')} (datatype {int(header['datatype'])})",
        accepted="one whole or real number a voxel: int8 to int64, uint8 to uint64, float32, float64",
        remedy="give the magnitude image" if kind == "c" else "give the image itself, not a picture of it in colours",
    )


def _grid(image: nibabel.Nifti1Image, file: Path) -> Grid:
    size = tuple(int(count) for count in image.shape)
    while len(size) > 3 and size[-1] == 1:
        size = size[:-1]
    if len(size) != 3:
        raise InputError("nifti-not-3d", file=str(file), shape=str(image.shape), accepted="one volume of three axes")
    if not int(image.header["sform_code"]) and not int(image.header["qform_code"]):
        # Readers then assume an orientation, and not all the same one.
        raise _misplaced(
            file, "no orientation (sform_code and qform_code are 0)", "a header that says which way is left"
        )
    stated = stated_spacing(image, file)
    _check_one_place(image, file)
    if not np.isfinite(image.affine).all():
        raise _misplaced(file, "an sform or qform with values that are no numbers", "numbers")
    affine = _RAS_TO_LPS @ np.asarray(image.affine, dtype=np.float64)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    if not spacing.all():
        raise _misplaced(file, f"voxels of {_sides(spacing)} mm by its sform", "sides above 0 mm")
    if not np.allclose(spacing, stated, rtol=_SPACINGS_AGREE):
        # Readers then take the one or the other.
        raise _misplaced(
            file, f"voxels of {_sides(spacing)} mm by its sform and of {_sides(stated)} mm by its pixdim", "one size"
        )
    try:
        return Grid(
            size=size,
            spacing=_triple(spacing),
            origin=_triple(affine[:3, 3]),
            direction=(
                _triple(affine[:3, 0] / spacing[0]),
                _triple(affine[:3, 1] / spacing[1]),
                _triple(affine[:3, 2] / spacing[2]),
            ),
        )
    except ValueError as why:
        raise _misplaced(file, str(why), "three axes at right angles") from why


def loaded(file: Path) -> FileBasedImage:
    """Open an image without the library's own remarks on its header, which tell of guesses that are refused here."""
    with _unremarked():
        return nibabel.load(file)


@contextmanager
def _unremarked() -> Iterator[None]:
    before, remarks.disabled = remarks.disabled, True
    try:
        yield
    finally:
        remarks.disabled = before


@contextmanager
def whole(image: DataobjImage) -> Iterator[DataobjImage]:
    """Give a loaded image whose voxels are to be read within; on the way out its file is read on to the end.

    The checksum of a compressed file stands behind its last voxel, where the library that loads images mostly stops:
    without it, a damaged file gives other voxels and no error. Files that are not compressed have no checksum.

    Raises
    ------
    OSError, EOFError, zlib.error
        If what is compressed is not what was written.
    """
    names = {part: str(holder.filename) for part, holder in image.file_map.items() if holder.filename}
    if not any(Path(name).suffix.lower() in ImageOpener.compress_ext_map for name in names.values()):
        yield image
        return
    with ExitStack() as streams:
        opened = {part: streams.enter_context(ImageOpener(name)) for part, name in names.items()}
        with _unremarked():
            again = type(image).from_file_map(
                {part: FileHolder(fileobj=stream.fobj) for part, stream in opened.items()}
            )
        yield again
        for stream in opened.values():
            while stream.read(_CHUNK):
                pass


def stated_spacing(image: nibabel.Nifti1Image, file: Path) -> npt.NDArray[np.float64]:
    """Return the header's ``pixdim`` along i, j, k in mm, as it stands in `file`, from which `image` was loaded.

    Raises
    ------
    InputError
        ``nifti-geometry`` where the header counts in another unit, or a side is 0, negative or no number. The library
        that loads images puts 1 mm in place of 0, and takes the sign away: a guess, by which a body changes its size.
    """
    unit = int(image.header["xyzt_units"]) & _SPACE_UNITS
    if unit not in (_UNSTATED, _MILLIMETRE):
        named = _OTHER_UNITS.get(unit, "of a kind that there is not")
        raise _misplaced(file, f"a length in units {named} (xyzt_units {unit})", "millimetres")
    with ImageOpener(str(file)) as stream:
        header = image.header_class.from_fileobj(stream, check=False)
    spacing = np.asarray(header["pixdim"], dtype=np.float64)[1:4]
    if not (np.isfinite(spacing).all() and (spacing > 0).all()):
        raise _misplaced(file, f"voxels of {_sides(spacing)} mm by its pixdim", "sides above 0 mm")
    return spacing


def _check_one_place(image: nibabel.Nifti1Image, file: Path) -> None:
    """Refuse an sform and a qform, both in force, that put voxels into two places: readers take the one or the other.

    Of a file in a template's space the two differ rightly; what is computed there is not where the patient is.
    """
    codes = {form: int(image.header[f"{form}_code"]) for form in ("sform", "qform")}
    if min(codes.values()) <= 0 or not np.isfinite(image.header.get_sform()).all():
        return
    named = " and ".join(f"{form} (code {code})" for form, code in codes.items())
    try:
        qform = image.header.get_qform()
    except (HeaderDataError, ValueError) as why:
        raise _misplaced(file, f"a qform (code {codes['qform']}) that is no rotation", "a rotation") from why
    corners = np.array([[*index, 1] for index in np.ndindex(2, 2, 2)]) * [*(np.array(image.shape[:3]) - 1), 1]
    apart = np.linalg.norm((corners @ (image.header.get_sform() - qform).T)[:, :3], axis=1).max()
    if not apart <= _APART_MM:
        raise InputError(
            "nifti-geometry",
            file=str(file),
            found=f"{named} that place a voxel {apart:.1f} mm apart",
            accepted=f"up to {_APART_MM:g} mm",
            remedy=f"look which of the two is right and set the other's code to 0, or {_AGAIN}",
        )


def _misplaced(file: Path, found: str, accepted: str) -> InputError:
    return InputError("nifti-geometry", file=str(file), found=found, accepted=accepted, remedy=_AGAIN)


def _sides(spacing: npt.NDArray[np.float64]) -> str:
    return " x ".join(f"{side:g}" for side in spacing)


def write_nifti(volume: Volume, file: Path, dtype: npt.DTypeLike = np.float32, description: str = "") -> None:
    """Write a volume as NIfTI (``.nii`` or ``.nii.gz``), whole or not at all.

    Values are rounded to the nearest where `dtype` is a whole number. `description` goes into the header's ``descrip``,
    of which 79 characters are kept.
    """
    values = volume.values
    if np.issubdtype(dtype, np.integer):
        values = np.rint(values)
    # No slope or intercept: what is stored is what is meant.
    image = nibabel.Nifti1Image(values.transpose(2, 1, 0).astype(dtype), _RAS_TO_LPS @ volume.grid.affine)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = description.encode("ascii", "replace")[:79]
    part = file.with_name(f".part-{file.name}")
    try:
        nibabel.save(image, part)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _triple(vector: npt.NDArray[np.float64]) -> Triple:
    x, y, z = (float(value) for value in vector)
    return x, y, z
