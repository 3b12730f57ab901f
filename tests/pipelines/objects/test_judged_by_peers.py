"""What the field's own programs say of the objects: dciodvfy, dcentvfy and plastimatch, never this project's reader."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK
from derived import DIGEST, GRID, RUN, Derived, derived, radius, regions, source_series
from peers import program
from pydicom import Dataset, dcmread

from models.fov import inside_fov
from models.volumes import Grid, Volume
from pipelines.contract import SourceInstance, Verdict
from pipelines.geometry.target import axial_target
from pipelines.masks.body import mr_body
from pipelines.objects.ct import synthetic_ct_series
from pipelines.objects.encoding import encode, file_meta
from pipelines.objects.mr import synthetic_mr_series
from pipelines.objects.parametric_map import uncertainty_map
from pipelines.objects.rtstruct import structure_set
from pipelines.objects.seg import Segment, segmentation
from pipelines.reading.reader import read_series
from pipelines.semantics import check_objects

pytestmark = pytest.mark.slow

Bools = npt.NDArray[np.bool_]


def written(objects: tuple[Dataset, ...], folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:03}.dcm" for number in range(len(objects))]
    for path, dataset in zip(paths, objects, strict=True):
        path.write_bytes(encode(dataset))
    return paths


def said(*command: str | Path) -> list[str]:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, timeout=120)
    return (done.stdout + done.stderr).splitlines()


@pytest.mark.peer("dciodvfy")
@pytest.mark.parametrize("prone", [False, True])
def test_dciodvfy_finds_no_error(tmp_path: Path, prone: bool) -> None:
    made = derived(source_series(PatientPosition="HFP" if prone else "HFS"), prone=prone)
    for path in written((made.images[0], made.images[-1], made.structures), tmp_path):
        lines = said(program("dciodvfy"), path)
        assert any(line in ("CTImage", "RTStructureSet") for line in lines), lines
        # A private coding scheme is what the standard asks for where it has no code; the validator only knows its own.
        complaints = [line for line in lines if "99SYNTHNODE" not in line and line.startswith(("Error", "Warning"))]
        assert complaints == []


@pytest.mark.peer("dciodvfy")
def test_dciodvfy_finds_no_error_in_mr_maps_and_masks(tmp_path: Path) -> None:
    made = derived()
    mr = synthetic_mr_series(
        Volume(np.clip(radius(GRID) * 100, 0, None), GRID), made.source, RUN, DIGEST, True, body_part="HEAD"
    )
    uncertainty = uncertainty_map(Volume(radius(GRID), GRID), made.source, RUN, DIGEST, body_part="HEAD")
    segments = [Segment(roi.name, roi.mask, roi.code) for roi in regions()]
    masks = segmentation(segments, made.images, GRID, made.source, RUN, DIGEST, body_part="HEAD")
    for path in written((mr[0], mr[-1], uncertainty, masks), tmp_path):
        lines = said(program("dciodvfy"), path)
        assert any(line in ("MRImage", "ParametricMap", "Segmentation") for line in lines), lines
        complaints = [line for line in lines if "99SYNTHNODE" not in line and line.startswith(("Error", "Warning"))]
        assert complaints == []


@pytest.mark.peer("dciodvfy")
def test_dcentvfy_finds_the_entities_consistent(tmp_path: Path) -> None:
    made = derived()
    for dataset in made.source.datasets:
        dataset.file_meta = file_meta(dataset)
    paths = written((*made.source.datasets, *made.objects), tmp_path)
    lines = said(program("dcentvfy"), *paths)
    # The study that RTReferencedStudySequence must name is no instance, so no file of it can be given.
    study = f"Missing SOPInstanceUID that was referenced - {made.source.header.StudyInstanceUID}"
    assert [line for line in lines if line.startswith("Error") and study not in line] == []


def masks_by_plastimatch(made: Derived, folder: Path) -> dict[str, Bools]:
    written(made.images, folder / "ct")
    (structures,) = written((made.structures,), folder / "rtss")
    said(
        program("plastimatch"), "convert", "--input", structures, "--referenced-ct", folder / "ct",
        "--output-prefix", folder / "masks", "--prefix-format", "nrrd",
    )  # fmt: skip
    return {
        path.stem: SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(path)) > 0 for path in (folder / "masks").iterdir()
    }


def dice(one: Bools, other: Bools) -> float:
    return float(2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other)))


@pytest.mark.hazard("HAZ-21")
@pytest.mark.peer("plastimatch")
@pytest.mark.parametrize("prone", [False, True])
def test_plastimatch_fills_the_body_and_a_ring_as_we_meant_them(tmp_path: Path, prone: bool) -> None:
    made = derived(source_series(PatientPosition="HFP" if prone else "HFS"), prone=prone)
    masks = masks_by_plastimatch(made, tmp_path)
    for roi in regions():
        # plastimatch gives its masks in the image's own order of rows and columns.
        expected = roi.mask[:, ::-1, ::-1] if prone else roi.mask
        assert dice(masks[roi.name], expected) >= 0.99, roi.name


@pytest.mark.peer("plastimatch")
def test_plastimatch_leaves_oblique_and_nested_holes_open(tmp_path: Path) -> None:
    made = derived()
    k, j, i = np.indices(GRID.shape)
    oblique = ((i - 28) + (j - 32)) ** 2 / 20**2 + ((i - 28) - (j - 32)) ** 2 / 5**2 + (k - 20) ** 2 / 15**2 < 1
    island = ((i - 28) ** 2 + (j - 32) ** 2) < 4
    wanted = {
        "Oblique": (radius(GRID) < 1) & ~oblique,
        "Nested": (radius(GRID) < 1) & (~oblique | island),
        "Speckle": (np.random.default_rng(3).random(GRID.shape) > 0.3) & (k > 35),
    }
    rois = [
        replace(regions()[1], number=number, name=name, mask=mask)
        for number, (name, mask) in enumerate(wanted.items(), start=1)
    ]
    structures = structure_set(rois, made.images, GRID, made.source, RUN, DIGEST)
    masks = masks_by_plastimatch(replace(made, structures=structures), tmp_path)
    for name, mask in wanted.items():
        assert dice(masks[name], mask) >= 0.99, name


@pytest.mark.peer("plastimatch")
def test_plastimatch_reads_the_images_where_they_are(tmp_path: Path) -> None:
    made = derived()
    written(made.images, tmp_path / "ct")
    out = tmp_path / "ct.nrrd"
    said(program("plastimatch"), "convert", "--input", tmp_path / "ct", "--output-img", out)
    image = SimpleITK.ReadImage(out)
    assert image.GetOrigin() == pytest.approx(GRID.origin, abs=1e-3)
    assert image.GetSpacing() == pytest.approx(GRID.spacing)
    assert np.asarray(image.GetDirection()).reshape(3, 3) == pytest.approx(np.eye(3))
    values = SimpleITK.GetArrayFromImage(image)
    assert values[GRID.size[2] // 2, GRID.size[1] // 2, GRID.size[0] // 2] == 36
    assert values[0, 0, 0] == -1000


@pytest.mark.data
@pytest.mark.peer("dciodvfy", "plastimatch")
def test_objects_from_a_real_head_satisfy_all_judges(real_data: Path, tmp_path: Path) -> None:
    files = sorted((real_data / "mr-head-dicom").glob("*.dcm"))
    source = read_series([SourceInstance(dcmread(file), "") for file in files])
    grid = axial_target(source.volume.grid, (2.0, 2.0, 2.0)).grid
    resampled = on_grid(source.volume, grid)
    body = mr_body(resampled, inside_fov(source.volume.grid, grid))
    hu = Volume(np.where(body, 40.0, -1000.0).astype(np.float32), grid)
    bright = body & (resampled.values > np.percentile(resampled.values[body], 80))
    rois = (replace(regions()[0], mask=body), replace(regions()[1], mask=bright))
    images = synthetic_ct_series(hu, source, RUN, DIGEST, resampled=True, prone=False, body_part="HEAD")
    made = Derived(source, images, structure_set(rois, images, grid, source, RUN, DIGEST))
    assert [check for check in check_objects(made.objects, (source,)) if check.verdict is not Verdict.PASS] == []
    for path in written((made.images[20], made.structures), tmp_path / "judged"):
        assert [line for line in said(program("dciodvfy"), path) if line.startswith("Error")] == []
    masks = masks_by_plastimatch(made, tmp_path)
    for roi in rois:
        assert dice(masks[roi.name], roi.mask) >= 0.99, roi.name


def on_grid(volume: Volume, grid: Grid) -> Volume:
    image = SimpleITK.GetImageFromArray(volume.values)
    image.SetSpacing(volume.grid.spacing)
    image.SetOrigin(volume.grid.origin)
    image.SetDirection(np.asarray(volume.grid.direction).T.ravel().tolist())
    onto = SimpleITK.Image(grid.size, SimpleITK.sitkFloat32)
    onto.SetSpacing(grid.spacing)
    onto.SetOrigin(grid.origin)
    return Volume(SimpleITK.GetArrayFromImage(SimpleITK.Resample(image, onto)), grid)
