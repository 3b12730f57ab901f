"""What is said of a fine-tuning: by the card of its package, and where none is written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from site_pairs import reference, write_site
from typer.testing import CliRunner

from models.cli import app
from models.packages import Card, CardCalibration, ModelPackage
from models.packages.package import card_of
from models.training.finetune import run
from models.training.finetune.card import finetuned_card
from models.training.finetune.claim import PACKAGE, REPORT
from models.training.finetune.gain import METHODS, Gain, GainVerdict, figure_lines, gain_of
from models.training.finetune.judging import AFTER, BEFORE, Judged
from models.training.finetune.offering import NOT_SHOWN, remark, withheld
from models.training.finetune.statements import calibration_of, card_metrics
from models.uncertainty.samples import Sample
from models.uncertainty.words import describe_calibration


def test_bounds_of_simulated_pairs_say_so_wherever_the_uncertainty_is_told() -> None:
    rng = np.random.default_rng(0)
    judged, samples = [], []
    for number in range(50):
        error = np.abs(rng.laplace(0, 20, 200)).astype(np.float32)
        samples.append(Sample(f"s{number}", error, np.full(200, 20, np.float32), np.zeros(200, np.float32)))
        judged.append(Judged(f"s{number}", f"s{number}", "T1", True, {}, 50.0))
    made = calibration_of(samples, judged)
    assert made.statement == "conformal"
    assert "simulated" in describe_calibration(made)
    real = calibration_of(samples, [replace(one, simulated=False) for one in judged])
    assert "simulated" not in describe_calibration(real)


def _calibrated(patients: int) -> CardCalibration:
    rng = np.random.default_rng(0)
    judged, samples = [], []
    for number in range(patients):
        error = np.abs(rng.laplace(0, 20, 200)).astype(np.float32)
        samples.append(Sample(f"s{number}", error, np.full(200, 20, np.float32), np.zeros(200, np.float32)))
        # Two contrasts of one patient are one patient.
        judged += [Judged(f"s{number}-{of}", f"s{number}", of, False, {}, 50.0) for of in ("T1", "T2")]
    return calibration_of(samples, judged)


def test_a_patient_with_many_images_counts_once_in_the_coverage_that_is_stated() -> None:
    def sample(case: str, error: float) -> Sample:
        flat = np.ones(10, np.float32)
        return Sample(case, error * flat, flat, 0 * flat)

    samples = [sample("s0", 1.0), sample("s1", 1.0), sample("s2", 1.0), *[sample("s3", 9.0)] * 8]
    made = calibration_of(samples, [Judged(f"s{n}", f"s{n}", "T1", False, {}, 50.0) for n in range(4)])
    assert made.coverage == 0.5
    assert "interval of the coverage is 0.0% to 100.0%" in made.protocol


def test_there_are_bounds_from_fifty_patients_on_and_never_below() -> None:
    below, enough = _calibrated(49), _calibrated(50)
    assert (below.statement, below.bounds) == ("uncalibrated", {})
    assert "uncalibrated: bounds for the next patient need 50 patients, and there are 49" in below.protocol
    assert enough.statement == "conformal"
    assert enough.bounds["body"] == pytest.approx(50.0)
    assert "uncalibrated" not in enough.protocol


def test_a_card_says_that_its_uncertainty_was_measured_with_other_networks() -> None:
    for patients in (49, 50):
        assert "measured with the folds' networks; a package ships another" in _calibrated(patients).protocol


def _child(parent: ModelPackage, gain: Gain, judged: Sequence[Judged]) -> Card:
    metrics = card_metrics(gain, judged, parent.card.name, 3)
    content = finetuned_card(parent, "child", None, metrics, _calibrated(3), gain, ("P0", "P1", "P2"), 5, 0.1)
    return card_of({**content, "sha256": "0" * 64}, parent.folder)


def _judged(before: float, after: float, spread: float = 0.0, water: float = 100.0) -> list[Judged]:
    """Return three patients whose errors changed from `before` to about `after`."""
    found = []
    for number in (-1, 0, 1):
        figures = {method: {"mae_body": water} for method in METHODS} | {BEFORE: {"mae_body": before}}
        figures[AFTER] = {"mae_body": after + number * spread}
        found.append(Judged(f"P{number}", f"P{number}", "T1", False, figures, 50.0))
    return found


def test_an_inherited_gate_is_told_as_measured_elsewhere(small_card: Mapping[str, Any], tmp_path: Path) -> None:
    rates = {"threshold": 0.5, "false_refusals": 0.02, "false_acceptances": {"noise": 0.0}, "cases": 9}
    parent = reference(tmp_path / "gated", {**small_card, "gate": {**rates, "protocol": "Ours."}}, 0)
    judged = _judged(50, 40)
    child = _child(parent, gain_of(judged), judged)
    assert child.gate is not None
    assert child.gate.false_refusals == 0.02
    assert child.gate.protocol == "Inherited; measured on small 1.2.3 and its data, not on this site's: Ours."
    assert any("measured on the parent's data, not on this site's" in limit for limit in child.limits)
    assert any("input gate" in duty and "anew" in duty for duty in child.site_must)
    assert _child(replace(parent, card=child), gain_of(judged), judged).gate == child.gate


def test_what_is_shown_to_be_worse_is_not_offered() -> None:
    judged = _judged(40, 50)
    told = withheld(gain_of(judged), 5, "small")
    assert gain_of(judged).verdict is GainVerdict.WORSE
    assert told is not None
    assert told.startswith("No package was written")
    assert "worse than small" in told
    assert "Keep small" in told
    assert withheld(gain_of(_judged(50, 40)), 5, "small") is None
    assert "validation found nothing better than small" in (withheld(gain_of(_judged(50, 40)), 0, "small") or "")


def test_what_errs_more_than_water_is_said_to_and_not_offered_however_much_it_gained() -> None:
    gain = gain_of(_judged(50, 40, water=35))
    assert gain.verdict is GainVerdict.BETTER
    assert gain.sentence.startswith("WORSE THAN WATER: after fine-tuning the error in the body is 40.0 HU, that of")
    assert "worse than calling the whole body water" in (withheld(gain, 5, "small") or "")
    assert figure_lines(gain) == [
        "before     MAE body HU 50.0",
        "after      MAE body HU 40.0",
        "all-water  MAE body HU 35.0",
        "mean-map   MAE body HU 35.0",
    ]


def test_what_is_not_shown_to_be_better_is_offered_and_says_so(untaught: ModelPackage) -> None:
    judged = _judged(50, 50, spread=3)
    gain = gain_of(judged)
    assert gain.verdict is GainVerdict.UNDECIDED
    assert withheld(gain, 5, "small") is None
    assert "not shown to be better than small: keep small in use" in (remark(gain, "small") or "")
    assert _child(untaught, gain, judged).site_must[0] == NOT_SHOWN
    better = _judged(50, 40)
    assert remark(gain_of(better), "small") is None
    assert NOT_SHOWN not in _child(untaught, gain_of(better), better).site_must


def test_the_command_writes_no_package_of_what_is_worse(
    untaught: ModelPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def worse(judged: Sequence[Judged]) -> Gain:
        """Judge the folds as if the package had erred half as much as it came."""
        halved = [{name: value / 2 for name, value in one.figures[AFTER].items()} for one in judged]
        return gain_of(
            [replace(one, figures={**one.figures, BEFORE: half}) for one, half in zip(judged, halved, strict=True)]
        )

    monkeypatch.setattr(run, "gain_of", worse)
    site, out = write_site(tmp_path / "site", 3), tmp_path / "out"
    command = ["finetune", str(untaught.folder), "--pairs", str(site), "--out", str(out), "--steps", "2"]
    result = CliRunner().invoke(app, [*command, "--folds", "3", "--json"])
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert result.stderr.startswith("The package's own input gate refuses 3 of these 3 pairs")
    assert "\nNo package was written: on patients whom it had not seen" in result.stderr
    assert "The error in the body ROSE by fine-tuning" in result.output
    told = json.loads(result.stdout.splitlines()[-1])
    assert told["package"] is None
    assert told["gain"]["verdict"] == "worse"
    assert told["withheld"] in result.stderr
    assert len(told["gate"]["refused"]) == 3
    assert not (out / PACKAGE).exists()
    report = json.loads((out / REPORT).read_text())
    assert report["withheld"] == told["withheld"]
    assert len(report["folds"]) == 3
