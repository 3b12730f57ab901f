"""The site's one command: it helps where it must, claims nothing that was not shown, and goes on after a kill."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from site_pairs import FASTER, USUAL, reference, write_site
from training_toys import Told
from typer.testing import CliRunner

from models.cli import app
from models.errors import PackageTampered, PairsError, RecipeError, RunStopped
from models.packages import ModelPackage, OnnxNetwork, load_package
from models.training.finetune.claim import PACKAGE, REPORT
from models.training.finetune.gain import GainVerdict
from models.training.finetune.plan import FinetunePlan
from models.training.finetune.run import Finetuned, finetune
from models.training.finetune.trainable import check_trainable
from models.training.schedule import Span
from models.training.stopping import Asked

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
PLAN = FinetunePlan(Span(steps=50), folds=3, optimiser=FASTER, patches=1)


def tuned(package: ModelPackage, pairs: Path, out: Path, plan: FinetunePlan = PLAN, resume: bool = False) -> Finetuned:
    return finetune(package, pairs, out, plan, CPU, lambda title: Told(), resume=resume)


def test_it_helps_where_contrast_and_hu_are_the_sites_own(taught: ModelPackage, tmp_path: Path) -> None:
    done = tuned(taught, write_site(tmp_path / "site", 6), tmp_path / "out")
    body = {method: rows["mae_body"].mean for method, rows in done.gain.rows.items()}
    bone = {method: rows["mae_bone"].mean for method, rows in done.gain.rows.items()}
    assert body["model"] < 0.85 * body["before"]
    assert bone["model"] < 0.85 * bone["before"]
    assert done.gain.verdict is GainVerdict.BETTER
    assert done.gain.sentence.startswith("The error in the body fell")
    assert done.package is not None
    _card_tells_it(done, taught)
    _report_tells_each_patient_once(tmp_path / "out" / REPORT)


def _card_tells_it(done: Finetuned, parent: ModelPackage) -> None:
    assert done.package is not None
    package = load_package(done.package.folder)
    card = package.card
    assert (card.name, card.version, card.status.value) == ("small-finetuned", "1.3.0", "reference")
    assert card.training.parent == f"small 1.2.3 {parent.sha256}"
    assert card.training.trained_on == ("a", *(f"P{number:03d}" for number in range(6)))
    assert card.training.steps == done.steps > 0
    assert [row.method for row in card.metrics.rows] == ["model", "before", "all-water", "mean-map"]
    figure = card.metrics.rows[0].figures["mae_body"]
    assert figure.low is not None
    assert figure.low <= figure.mean <= (figure.high or 0)
    assert card.calibration is not None
    assert card.calibration.statement == "uncalibrated"
    assert "uncalibrated" in card.calibration.protocol
    assert any("dose" in duty for duty in card.site_must)
    assert any("phantom" in duty for duty in card.site_must)
    weights, before = load_file(package.weights), load_file(parent.weights)
    assert torch.equal(weights["gate.weight"], before["gate.weight"])
    assert not torch.equal(weights["stem.weight"], before["stem.weight"])


def _report_tells_each_patient_once(file: Path) -> None:
    report = json.loads(file.read_text())
    judged = [one["patient"] for fold in report["folds"] for one in fold["judged"]]
    assert sorted(judged) == [f"P{number:03d}" for number in range(6)]
    assert all(set(fold["test"]).isdisjoint(fold["train"] + fold["validate"]) for fold in report["folds"])


def test_no_gain_is_claimed_where_there_is_nothing_to_learn(taught: ModelPackage, tmp_path: Path) -> None:
    # A rate of next to nothing: whatever changes is chance.
    plan = replace(PLAN, length=Span(steps=2), optimiser=FASTER.model_copy(update={"learning_rate": 1e-12}))
    done = tuned(taught, write_site(tmp_path / "site", 3, USUAL), tmp_path / "out", plan)
    assert "No improvement is shown" in done.gain.sentence
    found = done.gain.differences["before"]["mae_body"]
    assert found.low is not None
    assert found.low <= 0 <= (found.high or 0)
    if done.package is not None:
        assert "No improvement is shown" in done.package.card.metrics.protocol


def test_from_fifty_patients_on_there_are_bounds(taught: ModelPackage, tmp_path: Path) -> None:
    plan = replace(PLAN, length=Span(steps=6))
    done = tuned(taught, write_site(tmp_path / "site", 50), tmp_path / "out", plan)
    calibration = done.calibration
    assert calibration.statement == "conformal"
    assert calibration.cases == 50
    report = json.loads((tmp_path / "out" / REPORT).read_text())
    scores = [one["conformal_score"] for fold in report["folds"] for one in fold["judged"]]
    # 46 of 50 patients, the (50 + 1) * 0.9-th rounded up, keep to the bound.
    assert sorted(scores)[45] == pytest.approx(calibration.bounds["body"], abs=0.06)


def test_a_run_that_was_stopped_goes_on_to_the_same_end(taught: ModelPackage, tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    class Stopping(Told):
        def stepped(self, progress: Any, share: float) -> None:
            if progress.step == 7:
                raise Stopped

    site, plan = write_site(tmp_path / "site", 3), replace(PLAN, length=Span(steps=10))
    whole = tuned(taught, site, tmp_path / "whole", plan)

    def listener(title: str) -> Told:
        return Stopping() if title.startswith("fold 2") else Told()

    with pytest.raises(Stopped):
        finetune(taught, site, tmp_path / "cut", plan, CPU, listener, resume=False)
    assert not (tmp_path / "cut" / PACKAGE).exists()
    resumed = tuned(taught, site, tmp_path / "cut", plan, resume=True)
    assert resumed.gain == whole.gain
    assert resumed.steps == whole.steps
    assert (whole.package is None) == (resumed.package is None)
    if whole.package is not None and resumed.package is not None:
        ours, theirs = (load_file(one.weights) for one in (resumed.package, whole.package))
        assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_a_run_that_is_asked_to_stop_keeps_its_step_and_goes_on_to_the_same_end(
    untaught: ModelPackage, tmp_path: Path
) -> None:
    site, plan = write_site(tmp_path / "site", 3), replace(PLAN, length=Span(steps=10))
    whole = tuned(untaught, site, tmp_path / "whole", plan)
    notes: list[str] = []

    @contextmanager
    def after_thirteen_steps() -> Iterator[Asked]:
        asked = chain([0] * 12, repeat(15))
        yield lambda: next(asked)

    with pytest.raises(RunStopped, match="step=3 remedy=--resume") as stopped:
        finetune(
            untaught,
            site,
            tmp_path / "cut",
            plan,
            CPU,
            lambda title: Told(),
            resume=False,
            stopper=after_thirteen_steps,
            note=notes.append,
        )
    assert stopped.value.signal == 15
    assert "folds/1" in str(stopped.value)
    assert "input gate" in notes[0]
    resumed = tuned(untaught, site, tmp_path / "cut", plan, resume=True)
    assert (resumed.gain, resumed.steps) == (whole.gain, whole.steps)


def test_pairs_that_the_parent_refuses_are_counted_before_training_and_on_card_and_report(
    small_card: dict[str, Any], tmp_path: Path
) -> None:
    small_card["inputs"][0]["max_in_plane_mm"] = 0.5
    parent, notes = reference(tmp_path / "parent", small_card, steps=0), []
    site, plan, out = write_site(tmp_path / "site", 3), replace(PLAN, length=Span(steps=2)), tmp_path / "out"
    done = finetune(parent, site, out, plan, CPU, lambda title: Told(), resume=False, note=notes.append)
    assert notes[0].startswith("The package's own input gate refuses 3 of these 3 pairs (voxel-size")
    kept = json.loads((out / REPORT).read_text())["gate"]
    assert kept == json.loads(json.dumps(done.gate.as_json()))
    assert [one["pair"] for one in kept["refused"]] == ["P000", "P001", "P002"]
    if done.package is not None:
        assert "refuses 3 of these 3 pairs" in done.package.card.metrics.protocol


def test_a_run_goes_on_with_its_own_pairs_only(untaught: ModelPackage, tmp_path: Path) -> None:
    site, out = write_site(tmp_path / "site", 3), tmp_path / "out"
    out.mkdir()
    with pytest.raises(RecipeError, match="run-absent"):
        tuned(untaught, site, out, resume=True)
    (out / "finetune.json").write_text(json.dumps({"parent": untaught.sha256, "pairs": {"other": "other"}}))
    with pytest.raises(RecipeError, match=r"run-of-another-plan.*pairs"):
        tuned(untaught, site, out, resume=True)
    with pytest.raises(RecipeError, match="run-exists"):
        tuned(untaught, site, out)


def test_a_run_goes_on_with_the_same_voxels_only(untaught: ModelPackage, tmp_path: Path) -> None:
    site, out = write_site(tmp_path / "site", 3), tmp_path / "out"
    plan = replace(PLAN, length=Span(steps=2))
    tuned(untaught, site, out, plan)
    assert tuned(untaught, site, out, plan, resume=True).gain.patients == 3
    shutil.rmtree(site)
    write_site(tmp_path / "site", 3, USUAL)
    with pytest.raises(RecipeError, match=r"run-of-another-plan.*pairs"):
        tuned(untaught, site, out, plan, resume=True)


def test_what_is_left_of_another_run_is_not_believed(untaught: ModelPackage, tmp_path: Path) -> None:
    site, out, plan = write_site(tmp_path / "site", 3), tmp_path / "out", replace(PLAN, length=Span(steps=2))
    tuned(untaught, write_site(tmp_path / "other", 3, USUAL), out, plan)
    # Without the file that names the run, neither a new run nor one that goes on may take its folds for its own.
    (out / "finetune.json").unlink()
    with pytest.raises(
        RecipeError, match=r"run-exists.*found=report\.json, (package, )?folds, all.*remedy=give another"
    ):
        tuned(untaught, site, out, plan)
    with pytest.raises(RecipeError, match="run-absent"):
        tuned(untaught, site, out, plan, resume=True)
    assert not (out / "finetune.json").exists()


@pytest.mark.parametrize("part", ["folds/1", "all"])
def test_a_part_of_another_run_is_refused_before_anything_is_trained(
    part: str, untaught: ModelPackage, tmp_path: Path
) -> None:
    site, plan = write_site(tmp_path / "site", 3), replace(PLAN, length=Span(steps=2))
    tuned(untaught, site, tmp_path / "ours", plan)
    tuned(untaught, site, tmp_path / "theirs", replace(plan, seed=7))
    shutil.rmtree(tmp_path / "ours" / part)
    shutil.copytree(tmp_path / "theirs" / part, tmp_path / "ours" / part)
    with pytest.raises(RecipeError, match=rf"run-of-another-plan.*{part}.*found=part of another run.*--out"):
        tuned(untaught, site, tmp_path / "ours", plan, resume=True)
    (tmp_path / "ours" / part / "fingerprint").unlink()
    with pytest.raises(RecipeError, match=r"run-of-another-plan.*of a run that is not known"):
        tuned(untaught, site, tmp_path / "ours", plan, resume=True)
    shutil.rmtree(tmp_path / "ours" / part)
    assert tuned(untaught, site, tmp_path / "ours", plan, resume=True).gain.patients == 3


def test_a_run_goes_on_with_the_same_words_about_its_pairs_only(untaught: ModelPackage, tmp_path: Path) -> None:
    site, out, plan = write_site(tmp_path / "site", 3), tmp_path / "out", replace(PLAN, length=Span(steps=2))
    tuned(untaught, site, out, plan)
    shutil.rmtree(site)
    write_site(tmp_path / "site", 3, about={"simulated": True})
    with pytest.raises(RecipeError, match=r"run-of-another-plan.*pairs"):
        tuned(untaught, site, out, plan, resume=True)


def test_a_patient_whom_the_package_has_learnt_from_cannot_judge_it(untaught: ModelPackage, tmp_path: Path) -> None:
    site = write_site(tmp_path / "site", 3)
    training = untaught.card.training.model_copy(update={"trained_on": ("a", "P001")})
    package = replace(untaught, card=untaught.card.model_copy(update={"training": training}))
    with pytest.raises(PairsError, match=r"patient-known.*P001"):
        tuned(package, site, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_gate_that_was_changed_while_it_trained_is_not_handed_on(untaught: ModelPackage, tmp_path: Path) -> None:
    class Tampering(Told):
        def stepped(self, progress: Any, share: float) -> None:
            save_file(load_file(untaught.weights) | {"gate.weight": torch.ones(3).half()}, untaught.weights)

    def listener(title: str) -> Told:
        return Tampering() if title == "all pairs" else Told()

    site, plan = write_site(tmp_path / "site", 3), replace(PLAN, length=Span(steps=2))
    with pytest.raises(PackageTampered, match=r"weights\.safetensors"):
        finetune(untaught, site, tmp_path / "out", plan, CPU, listener, resume=False)
    assert not (tmp_path / "out" / PACKAGE).exists()


def test_a_graph_without_layers_is_refused_with_the_reason(untaught: ModelPackage) -> None:
    graph = OnnxNetwork(kind="onnx", tile_voxels=(16, 16, 16), parameters=1)
    card = untaught.card.model_copy(update={"network": graph})
    with pytest.raises(RecipeError, match=r"package-not-trainable.*onnx.*import the result"):
        check_trainable(replace(untaught, card=card))


DRAFT = """
schema: 3
name: of-a-limb
version: 0.1.0
status: reference
task: {kind: synthesis, title: Synthetic CT of a limb from one MR series}
body_site: limb
intended_use: Trying out.
disclaimer: Research use only. Not a medical device.
licence: Apache-2.0
inputs: INPUTS
training: {source: made limbs, licence: CC0-1.0}
limits: [Only made limbs.]
"""


def test_a_package_for_another_part_of_the_body_has_a_card_and_no_gate_of_its_parent(
    untaught: ModelPackage, tmp_path: Path
) -> None:
    inputs = [one.model_dump(mode="json") for one in untaught.card.inputs]
    draft = tmp_path / "limb.card.yaml"
    draft.write_text(DRAFT.replace("INPUTS", json.dumps(inputs)))
    site, plan = write_site(tmp_path / "site", 3), replace(PLAN, length=Span(steps=4))

    def listeners(title: str) -> Told:
        return Told()

    done = finetune(untaught, site, tmp_path / "out", plan, CPU, listeners, resume=False, card_file=draft)
    assert done.package is not None
    card = load_package(done.package.folder).card
    assert (card.name, card.version, card.body_site, card.gate) == ("of-a-limb", "0.1.0", "limb", None)
    assert not [name for name in load_file(done.package.weights) if name.startswith("gate")]
    assert (card.training.source, card.training.licence) == ("made limbs", "CC0-1.0")
    assert "Only made limbs." in card.limits
    assert not [limit for limit in card.limits if limit.startswith("Of the parent")]
    assert card.training.parent == f"small 1.2.3 {untaught.sha256}"
    draft.write_text(DRAFT.replace("INPUTS", json.dumps([{**inputs[0], "name": "another"}])))
    with pytest.raises(RecipeError, match="card-of-another-task"):
        finetune(untaught, site, tmp_path / "other", plan, CPU, listeners, resume=False, card_file=draft)
    assert not (tmp_path / "other").exists()


def test_the_command(untaught: ModelPackage, tmp_path: Path) -> None:
    site = write_site(tmp_path / "site", 3)
    command = ["finetune", str(untaught.folder), "--pairs", str(site), "--out", str(tmp_path / "out"), "--steps", "4"]
    result = CliRunner().invoke(app, [*command, "--folds", "3", "--name", "ours", "--json"])
    assert result.exit_code == 0, result.output
    told: Mapping[str, Any] = json.loads(result.output.strip().splitlines()[-1])
    assert Path(told["report"]).is_file()
    assert "uncalibrated" in result.output
    assert load_package(Path(told["package"])).card.name == "ours"
    assert "Sign it off" in result.output
    refused = CliRunner().invoke(app, command)
    assert refused.exit_code == 2
    assert "run-exists" in refused.output
