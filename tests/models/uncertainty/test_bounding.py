"""Bounds on outputs whose scale says nothing: MR signal, and networks that predict none."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from typer.testing import CliRunner

from models.cli import app
from models.errors import Uncalibrated
from models.inference import Predictor
from models.metrics.signal import normalised_signal
from models.packages import Card, CardCalibration, ModelPackage
from models.pairs import Pair, write_pair
from models.uncertainty.bounding import Bounded, bound_error
from models.uncertainty.measuring import compares_scale
from models.volumes import Grid, Volume

SIDE = 16
GRID = Grid((SIDE,) * 3, (2.0,) * 3, (0.0, 0.0, 0.0))


class Wrong:
    """Stands in for a predictor of MR: it knows the MR but for its unit, and adds 100 times a patient's number."""

    def __init__(self, factor: float) -> None:
        self._factor = factor

    def predict(self, inputs: Mapping[str, Volume], target: Grid, progress: Callable[[float], None]) -> SimpleNamespace:
        ct = inputs["ct"].values
        mr = np.where(ct > -900, ct + 1100.0, 0.0)
        # The patient's number is told by a corner outside the body.
        mr[4:12, 4:12, 8] += 5.0 * float(ct[0, 0, 0] + 1000.0)
        return SimpleNamespace(
            synthetic=Volume((self._factor * mr).astype(np.float32), target),
            uncertainty=Volume(np.ones(ct.shape, np.float32), target),
            device="cpu",
            precision="float32",
        )


def write_patient(folder: Path, number: int, **about: object) -> None:
    rng = np.random.default_rng(number)
    ball = np.linalg.norm(np.indices((SIDE,) * 3) - (SIDE - 1) / 2, axis=0) < 7
    ct = np.where(ball, rng.normal(40.0, 60.0, ball.shape), -1000.0)
    ct[0, 0, 0] += number
    mr = np.where(ball, ct + 1100.0, 0.0)
    images = (Volume(values.astype(np.float32), GRID) for values in (mr, ct))
    write_pair(Pair(f"p{number:02}", *images, Volume(ball, GRID)), folder, {"simulated": False} | about)


@pytest.fixture
def package(small_card: dict[str, Any], tmp_path: Path) -> ModelPackage:
    scale = {"kind": "fixed", "lowest": -1000, "highest": 1000, "mean": 0, "deviation": 500}
    ct = {"name": "ct", "modality": "CT", "quantity": "ct-number", "unit": "HU", "contrasts": [], "aliases": []}
    mr = {"modality": "MR", "quantity": "mr-signal", "unit": "arbitrary"}
    card = small_card | {
        "inputs": [small_card["inputs"][0] | ct | {"normalisation": scale}],
        "output": small_card["output"] | mr | {"lowest": 0.0, "highest": 1e6, "outside": 0.0},
        "network": {"kind": "onnx", "tile_voxels": [16, 16, 16], "parameters": 1, "channels": 2},
        "sha256": "0" * 64,
    }
    return ModelPackage(tmp_path / "package", Card.model_validate(card), "0" * 64)


def bound(package: ModelPackage, folder: Path, factor: float = 1.0) -> Bounded:
    return bound_error(package, cast(Predictor, Wrong(factor)), [folder], lambda _: None)


def test_scales_of_signal_are_not_compared_and_those_of_ct_are(
    package: ModelPackage, small_card: dict[str, Any]
) -> None:
    assert package.card.predicts_scale
    assert not compares_scale(package.card)
    assert compares_scale(Card.model_validate(small_card | {"sha256": "0" * 64}))


def test_fifty_patients_bound_the_error_of_signal_whatever_its_unit(package: ModelPackage, tmp_path: Path) -> None:
    folder = tmp_path / "pairs"
    for number in range(50):
        write_patient(folder, number)
    found, other = bound(package, folder), bound(package, folder, factor=37.0)
    assert found.scores == pytest.approx(other.scores, rel=1e-3, abs=0.1)
    card = found.calibration
    # The ceiling of 51 times 0.9 is 46: the 46th smallest score of 50.
    assert card.bounds == {"body": round(sorted(found.scores.values())[45], 1)}
    assert (card.statement, card.cases, card.nominal, card.coverage) == ("conformal", 50, 0.9, None)
    assert sum(score <= card.bounds["body"] + 0.05 for score in found.scores.values()) >= 45
    assert "per mille of the foreground's 90th percentile" in card.protocol
    assert "HU" not in card.protocol
    assert found.scores["p49"] > found.scores["p10"] > 0


def test_a_score_is_the_error_after_both_are_brought_to_their_own_reference(
    package: ModelPackage, tmp_path: Path
) -> None:
    write_patient(tmp_path / "pairs", 30)
    found = bound(package, tmp_path / "pairs")
    (read,) = (one for one in (tmp_path / "pairs").iterdir() if one.is_dir())
    from models.pairs import load_pair, read_pairs

    pair = load_pair(read_pairs(tmp_path / "pairs")[0])
    body = np.asarray(pair.mask.values, dtype=bool)
    answer = Wrong(1.0).predict({"ct": pair.ct}, GRID, lambda _: None).synthetic.values
    error = np.abs(normalised_signal(answer, body) - normalised_signal(pair.mr.values, body))[body]
    assert read.name == "p30"
    assert found.scores["p30"] == pytest.approx(float(np.quantile(error, 0.95, method="inverted_cdf")), rel=1e-3)


def test_images_of_one_patient_are_one_patient_and_the_worst_counts(package: ModelPackage, tmp_path: Path) -> None:
    folder = tmp_path / "pairs"
    write_patient(folder, 3)
    write_patient(folder, 40)
    apart = bound(package, folder).scores
    for number in (3, 40):
        write_patient(tmp_path / "one", number, case="same")
    together = bound(package, tmp_path / "one")
    assert together.scores == {"same": max(apart.values())}
    assert together.images == 2


def test_too_few_patients_give_no_bound_and_the_card_says_why(package: ModelPackage, tmp_path: Path) -> None:
    for number in range(3):
        write_patient(tmp_path / "pairs", number)
    card = bound(package, tmp_path / "pairs").calibration
    assert (card.statement, card.bounds, card.cases) == ("uncalibrated", {}, 0)
    assert "No bound: one for the next patient needs 50 patients, and there are 3." in card.protocol


def test_simulated_pairs_are_said_first(package: ModelPackage, tmp_path: Path) -> None:
    write_patient(tmp_path / "pairs", 0, simulated=True)
    assert bound(package, tmp_path / "pairs").calibration.protocol.startswith("Simulated pairs, not patients.")


def test_cases_that_it_learnt_from_bound_nothing(package: ModelPackage, tmp_path: Path) -> None:
    write_patient(tmp_path / "pairs", 0, case="a")
    with pytest.raises(Uncalibrated, match="cases-known"):
        bound(package, tmp_path / "pairs")


def test_the_command_writes_what_the_card_takes(
    package: ModelPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        write_patient(tmp_path / "pairs", number)
    monkeypatch.setattr("models.packages.package_named", lambda *_: package)
    monkeypatch.setattr("models.inference.Predictor", lambda *_: Wrong(1.0))
    out = tmp_path / "calibration.json"
    ran = CliRunner().invoke(app, ["calibrate", "x", "--pairs", str(tmp_path / "pairs"), "--out", str(out), "--json"])
    assert ran.exit_code == 0, ran.output
    kept = json.loads(out.read_text())
    assert json.loads(ran.stdout.splitlines()[-1]) == kept
    assert CardCalibration.model_validate(kept["calibration"]).statement == "uncalibrated"
    assert kept["unit"] == "per mille of the foreground's 90th percentile"
    assert "uncalibrated (2 patients, 2 images)" in ran.output
