from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from models.cli import app
from models.errors import Uncalibrated
from models.packages import CardCalibration, ModelPackage, load_package
from models.pairs import Pair, write_pair
from models.uncertainty.measuring import measure
from models.volumes import Grid, Volume

pytestmark = pytest.mark.slow

VOXEL_MM = 2.0


def pair(patient: str, seed: int) -> Pair:
    """A ball of soft tissue with a shell of bone and a hole of air; the MR tells the CT, for a stand-in to know."""
    rng = np.random.default_rng(seed)
    side = 44
    grid = Grid((side,) * 3, (VOXEL_MM,) * 3, (0.0, 0.0, 0.0))
    k, j, i = np.indices(grid.shape) - (side - 1) / 2
    away = np.sqrt(k**2 + j**2 + i**2) + rng.normal()
    ct = np.where(away < 20, 40.0, -1000.0)
    ct[(away < 19) & (away > 15)] = 800.0
    ct[away < 5] = -900.0
    ct += rng.normal(0, 5, ct.shape)
    return Pair(
        patient,
        Volume((ct + 1100).astype(np.float32), grid),
        Volume(ct.astype(np.float32), grid),
        Volume(away < 20, grid),
    )


class Knowing:
    """Stands in for a predictor: errors are Laplace with scales it knows, which it tells `told` times too large."""

    def __init__(self, told: float, seed: int = 0) -> None:
        self.told, self.rng = told, np.random.default_rng(seed)

    def predict(self, inputs: Mapping[str, Volume], target: Grid, progress: Callable[[float], None]) -> SimpleNamespace:
        truth = next(iter(inputs.values())).values - 1100
        scale = np.where(truth > 300, 120.0, 25.0) * self.rng.uniform(0.5, 2.0, truth.shape)
        return SimpleNamespace(
            synthetic=Volume((truth + self.rng.laplace(0, scale)).astype(np.float32), target),
            uncertainty=Volume((self.told * scale).astype(np.float32), target),
            device="cpu",
            precision="float32",
        )


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    folder = tmp_path / "pairs"
    folder.mkdir()
    for number in range(4):
        about = {"patient": f"p{number}", "contrast": "T1", "simulated": True}
        write_pair(pair(f"p{number}", number), folder, about)
    return folder


def with_calibration(package: ModelPackage, factor: float) -> ModelPackage:
    stated = CardCalibration(statement="uncalibrated", factor=factor, protocol="an earlier one")
    card = package.card.model_copy(update={"calibration": stated})
    return replace(package, card=card)


def test_half_of_the_cases_fit_and_the_others_judge(pairs: Path, write_small_package: Callable[[], Path]) -> None:
    found = measure(load_package(write_small_package()), Knowing(2.0), [pairs], lambda _: None)
    assert (found.fit, found.judge, found.images) == (("p0", "p2"), ("p1", "p3"), (2, 2))
    card = found.calibration
    assert card.statement == "calibrated"
    assert card.factor == pytest.approx(0.5, rel=0.05)
    assert card.coverage == pytest.approx(0.9, abs=0.02)
    assert card.cases == 2
    assert "Simulated pairs, not patients" in card.protocol
    assert "p0, p2" in card.protocol
    assert found.before["body"]["0.9"] == pytest.approx(1 - 0.1**2, abs=0.01)
    assert found.coverage["bone"]["0.5"] == pytest.approx(0.5, abs=0.05)
    assert found.spearman["body"] is not None
    assert found.spearman["body"] > 0.2


def test_it_says_on_how_many_patients_it_was_fitted_and_judged_and_that_they_are_few(
    pairs: Path, write_small_package: Callable[[], Path], tmp_path: Path
) -> None:
    package = load_package(write_small_package())
    card = measure(package, Knowing(2.0), [pairs], lambda _: None).calibration
    assert "on 2 patients (p0, p2)" in card.protocol
    assert "on 2 patients (p1, p3; 2 images)" in card.protocol
    assert "FEW: judged on 2 patients" in card.protocol
    assert re.search(r"the 2 judging patients the 95 % interval of the coverage is \d", card.protocol)
    for number in range(4, 20):
        write_pair(pair(f"p{number}", number), tmp_path / "pairs", {"simulated": True})
    found = measure(package, Knowing(2.0), [pairs], lambda _: None)
    assert "FEW" not in found.calibration.protocol
    low, high = found.intervals["body"]["0.9"]  # type: ignore[misc]
    assert low < found.coverage["body"]["0.9"] < high  # type: ignore[operator]


def test_coverage_and_its_interval_are_of_patients_however_many_images_one_has(
    pairs: Path, write_small_package: Callable[[], Path]
) -> None:
    class Overconfident(Knowing):
        """Tells a tenth of the scale from the fifth image on."""

        asked = 0

        def predict(self, *given: Any) -> SimpleNamespace:
            self.asked += 1
            self.told = 0.1 if self.asked > 4 else 1.0
            return super().predict(*given)

    for number in range(4, 10):
        write_pair(pair(f"p{number}", number), pairs, {"case": "p3", "contrast": f"C{number}", "simulated": True})
    found = measure(load_package(write_small_package()), Overconfident(1.0), [pairs], lambda _: None)
    assert (found.judge, found.images) == (("p1", "p3"), (2, 8))
    # p1 has one image that holds 90 %, p3 has one of those and six that hold 1 - 0.1 ** 0.1, about a fifth.
    p3 = (0.9 + 6 * (1 - 0.1**0.1)) / 7
    assert found.calibration.coverage == pytest.approx((0.9 + p3) / 2, abs=0.02)
    assert found.coverage["body"]["0.9"] == pytest.approx(found.calibration.coverage, abs=1e-4)
    low, high = found.intervals["body"]["0.9"]  # type: ignore[misc]
    assert (low, high) == (pytest.approx(p3, abs=0.02), pytest.approx(0.9, abs=0.02))


def test_one_judging_patient_has_no_interval(
    pairs: Path, write_small_package: Callable[[], Path], tmp_path: Path
) -> None:
    for patient in ("p2", "p3"):
        shutil.rmtree(pairs / patient)
    found = measure(load_package(write_small_package()), Knowing(2.0), [pairs], lambda _: None)
    assert found.intervals["body"]["0.9"] is None
    assert "no interval" in found.calibration.protocol


def test_a_tissue_in_which_scales_do_not_rank_errors_is_named(
    pairs: Path, write_small_package: Callable[[], Path]
) -> None:
    class Backwards(Knowing):
        def predict(self, inputs: Mapping[str, Volume], *others: object) -> SimpleNamespace:
            found = super().predict(inputs, *others)
            told = found.uncertainty
            bone = next(iter(inputs.values())).values - 1100 > 300
            turned = np.where(bone, 2e4 / told.values, told.values).astype(np.float32)
            return SimpleNamespace(**{**vars(found), "uncertainty": Volume(turned, told.grid)})

    found = measure(load_package(write_small_package()), Backwards(1.0), [pairs], lambda _: None)
    assert found.spearman["bone"] is not None
    assert found.spearman["bone"] < 0
    assert f"small ones in bone ({found.spearman['bone']:.2f})" in found.calibration.protocol


def test_a_scale_that_is_small_where_errors_are_large_is_not_called_calibrated(
    pairs: Path, write_small_package: Callable[[], Path]
) -> None:
    class Backwards(Knowing):
        def predict(self, inputs: Mapping[str, Volume], *others: object) -> SimpleNamespace:
            found = super().predict(inputs, *others)
            told = found.uncertainty
            return SimpleNamespace(**{**vars(found), "uncertainty": Volume(2e3 / told.values, told.grid)})

    found = measure(load_package(write_small_package()), Backwards(1.0), [pairs], lambda _: None).calibration
    assert found.coverage == pytest.approx(0.9, abs=0.02)
    assert found.spearman is not None
    assert found.spearman < 0
    assert found.statement == "uncalibrated"


def test_a_scale_that_is_the_same_everywhere_is_not_called_calibrated(
    pairs: Path, write_small_package: Callable[[], Path]
) -> None:
    class Flat(Knowing):
        def predict(self, *given: Any) -> SimpleNamespace:
            found = super().predict(*given)
            told = found.uncertainty
            return SimpleNamespace(**{**vars(found), "uncertainty": Volume(0 * told.values + 40, told.grid)})

    found = measure(load_package(write_small_package()), Flat(1.0), [pairs], lambda _: None).calibration
    assert found.coverage == pytest.approx(0.9, abs=0.02)
    assert (found.spearman, found.statement) == (None, "uncalibrated")
    assert "in body (the scale is the same everywhere), air (the scale" in found.protocol


def test_pairs_that_the_package_itself_refuses_are_counted(
    pairs: Path, write_small_package: Callable[[], Path], small_card: dict[str, Any]
) -> None:
    small_card["inputs"][0]["max_in_plane_mm"] = 1.5
    found = measure(load_package(write_small_package()), Knowing(2.0), [pairs], lambda _: None)
    assert found.as_json()["gate"]["asked"] == 4  # type: ignore[index]
    assert {one.pair for one in found.gate.refused} == {"p0", "p1", "p2", "p3"}
    assert all("voxel-size" in one.check for one in found.gate.refused)
    assert "refuses 4 of these 4 pairs" in found.calibration.protocol


def test_cases_that_the_package_has_learnt_from_calibrate_nothing(
    pairs: Path, write_small_package: Callable[[], Path]
) -> None:
    package = load_package(write_small_package())
    training = package.card.training.model_copy(update={"trained_on": ("p2",)})
    known = replace(package, card=package.card.model_copy(update={"training": training}))
    with pytest.raises(Uncalibrated, match=r"cases-known.*p2"):
        measure(known, Knowing(2.0), [pairs], lambda _: None)


def test_a_factor_already_on_the_card_is_replaced_and_not_multiplied(
    pairs: Path, write_small_package: Callable[[], Path]
) -> None:
    # Predictions of this package come with its factor of 4 in them: 4 times 0.5 is what the stand-in tells.
    package = with_calibration(load_package(write_small_package()), 4.0)
    assert measure(package, Knowing(2.0), [pairs], lambda _: None).calibration.factor == pytest.approx(2.0, rel=0.05)


def test_a_scale_that_holds_on_half_of_the_cases_alone_is_not_called_calibrated(
    pairs: Path, write_small_package: Callable[[], Path]
) -> None:
    class Fickle(Knowing):
        def predict(self, inputs: Mapping[str, Volume], *others: object) -> SimpleNamespace:
            self.told = 0.5 if self.told == 2.0 else 2.0
            return super().predict(inputs, *others)

    found = measure(load_package(write_small_package()), Fickle(0.5), [pairs], lambda _: None)
    assert found.calibration.statement == "uncalibrated"


def test_a_package_without_a_scale_has_nothing_to_calibrate(
    pairs: Path, write_small_package: Callable[[], Path]
) -> None:
    class Mute(Knowing):
        def predict(self, *given: object) -> SimpleNamespace:
            found = super().predict(*given)
            return SimpleNamespace(**{**vars(found), "uncertainty": None})

    with pytest.raises(Uncalibrated, match="scale-absent"):
        measure(load_package(write_small_package()), Mute(1.0), [pairs], lambda _: None)


def test_the_command_writes_what_the_card_takes(
    pairs: Path, write_small_package: Callable[[], Path], tmp_path: Path
) -> None:
    out = tmp_path / "calibration.json"
    ran = CliRunner().invoke(
        app, ["calibrate", str(write_small_package()), "--pairs", str(pairs), "--out", str(out), "--json"]
    )
    assert ran.exit_code == 0, ran.output
    kept = json.loads(out.read_text())
    assert json.loads(ran.stdout.splitlines()[-1]) == kept
    assert CardCalibration.model_validate(kept["calibration"]).factor > 0
    assert set(kept["coverage"]) == {"body", "air", "soft", "bone"}
    assert "(fitted on 2, judged on 2 patients)" in ran.output
    assert "FEW: judged on 2 patients" in ran.stderr
    assert "input gate refuses" in ran.stderr


def test_one_case_is_refused_in_one_line(pairs: Path, write_small_package: Callable[[], Path], tmp_path: Path) -> None:
    ran = CliRunner().invoke(
        app, ["calibrate", str(write_small_package()), "--pairs", str(tmp_path / "no"), "--out", str(tmp_path / "x")]
    )
    assert ran.exit_code == 2
    assert "pairs-missing" in ran.output
    assert not (tmp_path / "x").exists()
