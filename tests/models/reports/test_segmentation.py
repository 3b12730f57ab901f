"""A segmentation is judged label by label, and a structure that it missed stays in every mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from known_pairs import GRID, Answered, head

from models.errors import InputError
from models.inference import Predictor
from models.metrics import DEFAULT
from models.nifti import write_nifti
from models.packages import Card, ModelPackage
from models.reports.content import as_json
from models.reports.judging import evaluate
from models.reports.writing import write_report
from models.volumes import Array, Grid, Volume


def labels(seed: int) -> Array:
    ct, body = head(seed)
    return np.where(ct > 250, 2, np.where(body & (ct < -200), 1, 0))


class MissesBone:
    """Finds the air, and bone in nobody."""

    def predict(self, inputs: Mapping[str, Volume], target: Grid, progress: Callable[[float], None]) -> Answered:
        found = np.where((inputs["mr"].values > 0) & (inputs["mr"].values < 900), 1.0, 0.0)
        return Answered(Volume(found.astype(np.float32), target), None)


@pytest.fixture
def package(small_card: dict[str, object], tmp_path: Path) -> ModelPackage:
    network = {"kind": "onnx", "tile_voxels": [16, 16, 16], "parameters": 1}
    output = {
        "modality": "SEG",
        "quantity": "label",
        "unit": "label",
        "lowest": 0.0,
        "highest": 2.0,
        "voxel_mm": [2.0, 2.0, 2.0],
        "outside": 0.0,
        "labels": {"air": 1, "bone": 2},
    }
    task = {"kind": "segmentation", "title": "Air and bone"}
    card = small_card | {"task": task, "output": output, "network": network, "sha256": "0" * 64}
    return ModelPackage(tmp_path / "package", Card.model_validate(card), "0" * 64)


def with_labels(pairs: Path) -> Path:
    for folder in pairs.iterdir():
        write_nifti(Volume(labels(int(folder.name[4])), GRID), folder / "labels.nii.gz", np.uint8)
    return pairs


def test_each_label_has_the_overlap_figures_and_a_miss_counts(
    package: ModelPackage, pairs: Path, tmp_path: Path
) -> None:
    evaluation = evaluate(package, cast(Predictor, MissesBone()), with_labels(pairs), DEFAULT, lambda _: None)
    assert [one.name for one in evaluation.methods] == ["model"]
    row = next(row for row in evaluation.rows() if row.contrast == "any")
    found = {one.name: one for one in row.figures}
    air, bone, distance = found["dice_air"].cohort, found["dice_bone"].cohort, found["hd95_bone"].cohort
    assert air is not None
    assert bone is not None
    assert distance is not None
    assert air.mean > 0.9
    assert (bone.mean, bone.patients, found["dice_bone"].missed) == (0.0, 3, 4)
    assert distance.mean == pytest.approx(2.0 * np.linalg.norm(GRID.size))
    figures = as_json(evaluation)["card_metrics"]["rows"][-1]["figures"]
    assert {"dice_air", "hd95_bone", "surface_dice_bone"} <= figures.keys()
    write_report(evaluation, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "4 missed" in page
    assert page.count("<caption>") == 5


def test_pairs_without_labels_are_refused_by_name(package: ModelPackage, pairs: Path) -> None:
    with pytest.raises(InputError, match=r"labels-missing.*labels\.nii\.gz"):
        evaluate(package, cast(Predictor, MissesBone()), pairs, DEFAULT, lambda _: None)
