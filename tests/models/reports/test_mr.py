"""A synthetic MR is judged by its signal on a scale of its own: what its unit is does not matter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from known_pairs import Answered

from models.errors import InputError
from models.inference import Predictor
from models.metrics import DEFAULT, PROTOCOLS
from models.metrics.protocols import REVIEW_R001, SYNTHRAD2025
from models.packages import Card, ModelPackage
from models.reports.content import as_json
from models.reports.judging import evaluate
from models.reports.results import Evaluation
from models.reports.writing import write_report
from models.volumes import Grid, Volume


class Scaled:
    """Knows the MR but for its unit, and errs by `error` of it."""

    def __init__(self, factor: float, error: float) -> None:
        self._factor, self._error = factor, error

    def predict(self, inputs: Mapping[str, Volume], target: Grid, progress: Callable[[float], None]) -> Answered:
        ct = inputs["ct"].values
        mr = np.where(ct > -990, ct + 1100, 0.0)
        noise = np.random.default_rng(0).normal(0, self._error, ct.shape) * mr
        return Answered(Volume((self._factor * (mr + noise)).astype(np.float32), target), None)


@pytest.fixture
def package(small_card: dict[str, Any], tmp_path: Path) -> ModelPackage:
    (plain,) = small_card["inputs"]
    scale = {"kind": "fixed", "lowest": -1000, "highest": 1000, "mean": 0, "deviation": 500}
    ct = {
        "name": "ct",
        "modality": "CT",
        "quantity": "ct-number",
        "unit": "HU",
        "contrasts": [],
        "normalisation": scale,
    }
    output = small_card["output"] | {"modality": "MR", "quantity": "mr-signal", "unit": "arbitrary"}
    card = small_card | {
        "inputs": [plain | ct | {"aliases": [], "normalisation": scale}],
        "output": output | {"lowest": 0.0, "highest": 1e6, "outside": 0.0},
        "network": {"kind": "onnx", "tile_voxels": [16, 16, 16], "parameters": 1},
        "sha256": "0" * 64,
    }
    return ModelPackage(tmp_path / "package", Card.model_validate(card), "0" * 64)


def test_the_unit_of_the_answer_does_not_matter_and_the_error_does(
    package: ModelPackage, pairs: Path, tmp_path: Path
) -> None:
    def judge(factor: float, error: float) -> Evaluation:
        return evaluate(package, cast(Predictor, Scaled(factor, error)), pairs, DEFAULT, lambda _: None)

    def judged(factor: float, error: float) -> dict[str, float]:
        rows = as_json(judge(factor, error))["card_metrics"]["rows"]
        assert [row["method"] for row in rows][-1] == "flat"
        return {name: figure["mean"] for name, figure in rows[-2]["figures"].items()}

    one, other, worse = judged(1.0, 0.05), judged(37.0, 0.05), judged(1.0, 0.2)
    assert one.keys() == {"mae_body", "me_body", "psnr_body", "ssim_body", "ms_ssim_body", "nmse_body"}
    assert one == pytest.approx(other, rel=1e-3)
    assert worse["mae_body"] > 2 * one["mae_body"]
    assert worse["nmse_body"] > 4 * one["nmse_body"]
    write_report(judge(1.0, 0.05), tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "0 .. 3000 ‰" in page
    assert " HU" not in page.split("<h2>Words")[0]


def test_the_reviews_protocol_judges_ct_to_mr_in_grey_levels(package: ModelPackage, pairs: Path) -> None:
    evaluation = evaluate(package, cast(Predictor, Scaled(1.0, 0.05)), pairs, REVIEW_R001, lambda _: None)
    assert evaluation.protocol.stated_range == "0 .. 3000 ‰, mapped to 0 .. 255; PSNR with MAX = 65535"
    assert evaluation.regions == ("image",)
    (row,) = [row for row in evaluation.rows() if (row.method, row.contrast) == ("model", "any")]
    psnr = row.of("psnr_image")
    assert psnr is not None
    assert psnr.mean > 48.2


def test_a_challenge_for_ct_judges_no_mr(package: ModelPackage, pairs: Path) -> None:
    with pytest.raises(InputError, match="protocol-unfit") as caught:
        evaluate(package, cast(Predictor, Scaled(1.0, 0.0)), pairs, SYNTHRAD2025, lambda _: None)
    assert set(str(caught.value.parameters["accepted"]).split(", ")) == {"default", "review-r001"} < set(PROTOCOLS)
