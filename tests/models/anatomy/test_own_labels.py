"""What a user, a file or an atlas says of its labels is understood, and what nobody says is refused by name."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from models.anatomy import found_map, map_files, prepare
from models.anatomy.words import tissue_of
from models.errors import InputError
from models.tissues import Mixture, Tissue


def ball(*layers: tuple[float, int], size: int = 40) -> np.ndarray:
    k, j, i = np.indices((size,) * 3)
    radius = np.sqrt((k - size / 2) ** 2 + (j - size / 2) ** 2 + (i - size / 2) ** 2)
    labels = np.zeros(radius.shape, np.int16)
    for outer, label in layers:
        labels[radius < outer] = label
    return labels


def save(labels: np.ndarray, file: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(labels, np.eye(4)), file)


def test_a_users_labels_mean_what_labels_yaml_says(tmp_path: Path) -> None:
    save(ball((15, 1), (10, 2), (6, 3)), tmp_path / "thigh.nii")
    save(ball((15, 9)), tmp_path / "image.nii.gz")
    (tmp_path / "labels.yaml").write_text(
        "schema: 1\nfiles: '*.nii'\ntissues: {soft: [1], cortical-bone: [2], marrow: [3]}\n"
    )
    assert [file.name for file in map_files(tmp_path)] == ["thigh.nii"]
    found = prepare(tmp_path / "thigh.nii")
    assert set(np.unique(found.tissue)) == {Tissue.AIR, Mixture.SOFT, Tissue.CORTICAL_BONE, Tissue.MARROW}
    assert found.name == "thigh"


def test_labels_yaml_adds_to_what_a_file_says(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(ball((12, 3), (5, 77)))
    sitk.WriteImage(image, str(tmp_path / "atlas.nrrd"))
    (tmp_path / "atlas.ctbl").write_text("# colours\n3 left_psoas_muscle 1 2 3 255\n77 whatchamacallit 1 2 3 255\n")
    with pytest.raises(InputError, match="label-unknown") as caught:
        prepare(tmp_path / "atlas.nrrd")
    assert caught.value.parameters["names"] == "whatchamacallit"
    listed = found_map(tmp_path / "atlas.nrrd")
    assert [label.name for label in listed.unknown] == ["whatchamacallit"]
    assert listed.labels[0].tissue == "muscle"
    assert listed.labels[0].millilitres == pytest.approx(4 / 3 * np.pi * (12**3 - 5**3) / 1000, rel=0.03)
    (tmp_path / "labels.yaml").write_text("schema: 1\nfiles: '*.nrrd'\nbackground: air\ntissues: {bone: [77]}\n")
    found = prepare(tmp_path / "atlas.nrrd")
    assert set(np.unique(found.tissue)) == {Tissue.AIR, Tissue.MUSCLE, Mixture.BONE}


def test_an_atlas_without_outline_gets_a_body(tmp_path: Path) -> None:
    labels = np.zeros((80, 80, 80), np.int16)
    labels[30:36, 30:50, 30:50] = 1
    labels[50:56, 30:50, 30:50] = 2
    sitk.WriteImage(sitk.GetImageFromArray(labels), str(tmp_path / "atlas.nrrd"))
    (tmp_path / "atlas.ctbl").write_text("1 liver 0 0 0 255\n2 Pelvis 0 0 0 255\n")
    found = prepare(tmp_path / "atlas.nrrd")
    k, j, i = (size // 2 for size in found.shape)
    assert found.tissue[k, j, i] == Mixture.SOFT  # between the two
    outermost = found.tissue[k, j, :]
    assert outermost[outermost > 0][0] == Mixture.SCALP
    assert (found.skin_depth[found.tissue == Tissue.LIVER] >= 70).all()


def test_a_nifti_with_a_label_table_names_its_labels(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(ball((15, 2), (8, 1)), np.eye(4))
    rows = '<Label Key="1"><![CDATA[spinal_cord]]></Label><Label Key="2"><![CDATA[vertebrae_L1]]></Label>'
    table = f"<CaretExtension><VolumeInformation><LabelTable>{rows}</LabelTable></VolumeInformation></CaretExtension>"
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(30, table.encode()))
    nibabel.save(image, tmp_path / "b_seg.nii.gz")
    save(ball((15, 700)), tmp_path / "a_image.nii.gz")
    assert [file.name for file in map_files(tmp_path)] == ["b_seg.nii.gz"]
    assert {label.tissue for label in found_map(tmp_path / "b_seg.nii.gz").labels} == {"cord", "bone"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("schema: 1\ntissues: {custard: [1]}\n", "tissue-unknown"),
        ("schema: 1\ntissues: {fat: [1], muscle: [1]}\n", "label-doubled"),
        ("schema: 2\n", "labels-yaml-invalid"),
        ("schema: 1\ncolour: red\n", "labels-yaml-invalid"),
        ("schema: [1\n", "labels-yaml-invalid"),
    ],
)
def test_a_wrong_labels_yaml_is_refused(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "labels.yaml").write_text(text)
    with pytest.raises(InputError, match=code):
        map_files(tmp_path)


@pytest.mark.parametrize(
    ("name", "tissue"),
    [
        ("left_medial_rectus", Tissue.MUSCLE),
        ("rectum", Tissue.BOWEL),
        ("right_vertebral_artery", Tissue.BLOOD),
        ("vertebrae_L4", Mixture.BONE),
        ("L5-L4-IntervertebralDisc", Tissue.DISC),
        ("costal_cartilages", Tissue.CARTILAGE),
        ("rib_left_12", Mixture.BONE),
        ("left_superior_temporal_gyrus_(banks_of_left_superior_temporal_sulcus)", Tissue.GREY),
        ("left_calcarine_sulcus", Tissue.CSF),
        ("urinary_bladder", Tissue.URINE),
        ("hip_left", Mixture.BONE),
        ("left_VIIA_crusI_l2", Tissue.GREY),
        ("whatchamacallit", None),
    ],
)
def test_names_are_understood(name: str, tissue: int | None) -> None:
    assert tissue_of(name) == tissue


@pytest.mark.data
def test_the_atlases_at_hand_are_understood(real_data: Path, tmp_path: Path) -> None:
    for folder, files, unknown in (
        ("atlas-labels", 3, {"abdomen-labels.nrrd": [699], "brain-labels.nrrd": [1], "head-neck-labels.nrrd": [1]}),
        ("ct-mr-slabs", 2, {}),
        ("spine-crops", 2, {}),
    ):
        maps = map_files(real_data / folder)
        assert len(maps) == files
        for file in maps:
            listed = found_map(file)
            assert [label.number for label in listed.unknown] == unknown.get(file.name, [])
    cord = prepare(next(file for file in maps if "mri" in file.name))
    assert {Tissue.CORD, Tissue.CSF, Tissue.DISC, Mixture.BONE, Mixture.SOFT} <= set(np.unique(cord.tissue))
