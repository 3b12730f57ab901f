"""Label maps become tissues in LPS with depths, and strange maps are refused."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import nibabel
import numpy as np
import pytest

from models.anatomy import map_files, prepare, prepared
from models.errors import InputError
from models.tissues import Mixture, Tissue


def test_tissues_and_depths(label_maps: Path) -> None:
    head = prepare(map_files(label_maps)[0])
    middle = tuple(n // 2 for n in head.tissue.shape)
    assert head.tissue[middle] == Tissue.WHITE
    assert set(np.unique(head.tissue)) >= {
        Tissue.AIR,
        Mixture.SCALP,
        Mixture.SOFT,
        Tissue.CORTICAL_BONE,
        Tissue.MARROW,
        Tissue.GREY,
    }
    # The island in the air is gone, so the box is the head's with a rim of one voxel.
    assert max(head.tissue.shape) <= 2 * 21 + 3
    assert not head.tissue[0].any()
    bone = np.isin(head.tissue, (Tissue.CORTICAL_BONE, Tissue.MARROW))
    assert (head.bone_depth[bone] > 0).all()
    assert not head.bone_depth[~bone].any()
    assert 15 <= head.bone_depth.max() * 0.1 / 2.0 * 10 <= 30  # half of four voxels of 2 mm
    assert (head.skin_depth[head.tissue > 0] > 0).all()


def test_axes_come_as_lps(tmp_path: Path) -> None:
    labels = np.zeros((12, 14, 16), np.int32)  # i towards right, j towards anterior, k towards superior: RAS
    labels[2:10, 2:12, 2:14] = 507
    labels[9, 5, 5] = 506  # most right
    labels[5, 11, 5] = 515  # most anterior
    labels[5, 5, 13] = 24  # most superior
    nibabel.save(nibabel.Nifti1Image(labels, np.eye(4)), tmp_path / "a.nii.gz")
    tissue = prepare(tmp_path / "a.nii.gz").tissue
    k, j, i = tissue.shape
    assert np.argwhere(tissue == Tissue.EYE)[0][2] == 1  # x runs to the left, so right comes first
    assert np.argwhere(tissue == Tissue.CORTICAL_BONE)[0][1] == 1  # y runs backwards
    assert np.argwhere(tissue == Tissue.CSF)[0][0] == k - 2  # z runs upwards
    assert (j, i) == (12, 10)


def test_stored_orientation_does_not_matter(label_maps: Path, tmp_path: Path) -> None:
    original = nibabel.load(map_files(label_maps)[1])
    turned = original.as_reoriented(np.array([[2, -1], [0, 1], [1, -1]]))
    nibabel.save(turned, tmp_path / "turned.nii.gz")
    assert np.array_equal(prepare(tmp_path / "turned.nii.gz").tissue, prepare(map_files(label_maps)[1]).tissue)


def test_what_is_kept_is_what_was_prepared(label_maps: Path, tmp_path: Path) -> None:
    files = map_files(label_maps)
    first, second = (prepared(files, tmp_path / "cache")[0] for _ in range(2))
    assert first.name == second.name == "map_0"
    assert np.array_equal(first.tissue, second.tissue)
    assert np.array_equal(first.bone_depth, second.bone_depth)
    assert first.voxel_mm == second.voxel_mm == 2.0


def test_an_unknown_label_is_named(tmp_path: Path) -> None:
    labels = np.full((8, 8, 8), 507, np.int32)
    labels[4, 4, 4] = 999
    nibabel.save(nibabel.Nifti1Image(labels, np.eye(4)), tmp_path / "a.nii.gz")
    with pytest.raises(InputError, match="label-unknown") as caught:
        prepare(tmp_path / "a.nii.gz")
    assert caught.value.parameters["labels"] == "[999]"


def test_voxels_become_cubes(tmp_path: Path) -> None:
    labels = np.zeros((12, 10, 6), np.int32)
    labels[2:10, 2:8, 1:5] = 507
    nibabel.save(nibabel.Nifti1Image(labels, np.diag([1, 1, 3, 1])), tmp_path / "a.nii.gz")
    found = prepare(tmp_path / "a.nii.gz")
    assert found.voxel_mm == 1.0
    assert found.shape == (4 * 3 + 2, 6 + 2, 8 + 2)


def test_thick_slices_and_images_are_no_label_maps(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 4, 4), np.int32), np.diag([1, 1, 20, 1])), tmp_path / "a.nii.gz")
    with pytest.raises(InputError, match="labels-too-thick"):
        prepare(tmp_path / "a.nii.gz")
    for values in (np.full((4, 4, 4), -3, np.int16), np.full((4, 4, 4), 0.5, np.float32)):
        nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "b.nii.gz")
        with pytest.raises(InputError, match="labels-not-whole"):
            prepare(tmp_path / "b.nii.gz")
    (tmp_path / "c.nii.gz").write_bytes(b"no image")
    with pytest.raises(InputError, match="labels-unreadable"):
        prepare(tmp_path / "c.nii.gz")


def test_what_cannot_be_read_at_all_has_no_names_and_is_refused(tmp_path: Path) -> None:
    stream, header = tmp_path / "stream.nii.gz", tmp_path / "header.nii.gz"
    stream.write_bytes(gzip.compress(b"")[:10] + b"\xff" * 2000)
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 4, 4), np.int16), np.eye(4)), header)
    content = bytearray(gzip.decompress(header.read_bytes()))
    content[70:72] = struct.pack("<h", 9999)  # datatype
    header.write_bytes(gzip.compress(content))
    assert map_files(tmp_path) == [header, stream]
    for file in (header, stream):
        with pytest.raises(InputError, match="labels-unreadable"):
            prepare(file)


def test_a_side_of_no_length_is_not_guessed(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 4, 4), np.int16), np.eye(4)), tmp_path / "map.nii")
    content = bytearray((tmp_path / "map.nii").read_bytes())
    content[80:92] = np.array([1, 1, 0], "<f4").tobytes()  # pixdim
    (tmp_path / "map.nii").write_bytes(content)
    with pytest.raises(InputError, match="nifti-geometry"):
        prepare(tmp_path / "map.nii")


def test_a_map_of_air_is_refused(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 4), np.int32), np.eye(4)), tmp_path / "a.nii.gz")
    with pytest.raises(InputError, match="labels-empty"):
        prepare(tmp_path / "a.nii.gz")


def test_a_changed_map_is_prepared_anew(tmp_path: Path) -> None:
    file, cache = tmp_path / "a.nii.gz", tmp_path / "cache"
    for label, tissue in ((507, Mixture.SOFT), (515, Tissue.CORTICAL_BONE)):
        nibabel.save(nibabel.Nifti1Image(np.full((4, 4, 4), label, np.int32), np.eye(4)), file)
        assert prepared([file], cache)[0].tissue.max() == tissue


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="labels-absent"):
        map_files(tmp_path)


def test_specks_of_air_are_filled_and_cavities_kept(tmp_path: Path) -> None:
    labels = np.zeros((30, 30, 30), np.int32)
    labels[3:27, 3:27, 3:27] = 507
    labels[8:20, 8:20, 8:20] = 515
    labels[10, 10, 10] = labels[14, 14, 14] = labels[14, 14, 15] = 0
    labels[22:26, 22:26, 22:26] = 0
    nibabel.save(nibabel.Nifti1Image(labels, np.eye(4)), tmp_path / "a.nii.gz")
    tissue = prepare(tmp_path / "a.nii.gz").tissue
    assert (tissue == Tissue.CORTICAL_BONE).sum() == 12**3
    assert (tissue[1:-1, 1:-1, 1:-1] == Tissue.AIR).sum() == 4**3


def test_eyes_tell_where_jaws_and_sinus_walls_are(tmp_path: Path) -> None:
    labels = np.zeros((100, 120, 130), np.int32)  # RAS: right, anterior, superior
    labels[5:95, 5:115, 2:125] = 511
    labels[11:89, 11:109, 2:119] = 507
    for x in (32, 68):
        labels[x - 6 : x + 6, 90:102, 80:92] = 506
    labels[25:40, 85:98, 55:70] = 0  # a sinus below the eye
    labels[30:70, 90:100, 30:40] = 515  # the jaw
    labels[30:70, 20:30, 30:40] = 515  # the neck's spine
    nibabel.save(nibabel.Nifti1Image(labels, np.eye(4)), tmp_path / "a.nii.gz")
    found = prepare(tmp_path / "a.nii.gz")
    jaw, wall = found.tissue == Mixture.JAW, found.tissue == Mixture.SINUS_WALL
    assert jaw.sum() == 40 * 10 * 10
    assert (found.tissue == Tissue.CORTICAL_BONE).sum() == 40 * 10 * 10
    assert np.argwhere(jaw)[:, 1].max() < np.argwhere(found.tissue == Tissue.CORTICAL_BONE)[:, 1].min()
    assert wall.sum() == 15 * 13 * 15 - 13 * 11 * 13
    assert (found.orbit[found.tissue == Tissue.EYE] == 0).all()
    assert found.orbit.max() == 255
