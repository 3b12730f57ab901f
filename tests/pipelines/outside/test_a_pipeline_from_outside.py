"""A second pipeline comes from another distribution, is found by its entry point, and runs through the contract."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from models.packages import ModelPackage
from pipelines import installed
from pipelines.contract import ModelIdentity, Outcome, RunIdentity, SourceInstance, Verdict
from pipelines.errors import PipelineError

HERE = Path(__file__).parent


@pytest.fixture
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "plain_ct-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plain-ct\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[synthnode.pipelines]\nplain-ct = plain_ct:DECLARATION\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(HERE))


def run(package: ModelPackage, identity: RunIdentity, inputs: dict[str, list[SourceInstance]]) -> Outcome:
    declaration = installed.declarations()["plain-ct"]
    identity = replace(
        identity, pipeline="plain-ct", pipeline_version="0.1.0", models={"line": ModelIdentity.of(package)}
    )
    assert [slot.name for slot in declaration.slots] == ["t1", "t2"]
    return installed.build("plain-ct", {"line": package}, "cpu").run(inputs, identity, lambda stage, share: None)


@pytest.mark.usefixtures("_installed")
def test_it_runs_with_its_own_slots_checks_and_outputs(
    package: ModelPackage, identity: RunIdentity, head_instances: list[SourceInstance]
) -> None:
    outcome = run(package, identity, {"t1": head_instances})
    assert {dataset.Modality for dataset in outcome.objects} == {"CT"}
    assert {dataset.SyntheticData for dataset in outcome.objects} == {"YES"}
    assert "bone-hu" in {check.name for check in outcome.checks}
    assert "body-outline" not in {check.name for check in outcome.checks}
    # The model and the objects' rules are checked by the skeleton: no pipeline can leave them out.
    assert {"model-hash", "identity-carried", "frame-of-reference"} <= {
        c.name for c in outcome.checks if not c.overridable
    }
    assert list(outcome.stages) == ["read", "gate", "infer", "contour", "encode", "check", "preview"]
    assert b"a line through" in outcome.previews["report.html"]


@pytest.mark.usefixtures("_installed")
def test_two_slots_feed_two_inputs_and_each_is_checked(
    package: ModelPackage, identity: RunIdentity, head_instances: list[SourceInstance]
) -> None:
    one = package.card.inputs[0]
    card = package.card.model_copy(update={"inputs": (one, one.model_copy(update={"name": "t2"}))})
    outcome = run(replace(package, card=card), identity, {"t1": head_instances, "t2": head_instances})
    assert [check.name for check in outcome.checks].count("contrast") == 2
    assert outcome.objects
    with pytest.raises(PipelineError) as caught:
        run(replace(package, card=card), identity, {"t1": head_instances})
    assert caught.value.reason.code == "model-unfit"


@pytest.mark.usefixtures("_installed")
def test_what_its_gate_refuses_is_not_computed(
    package: ModelPackage, identity: RunIdentity, head_instances: list[SourceInstance]
) -> None:
    for instance in head_instances:
        instance.dataset.BodyPartExamined = "PROSTATE"
    outcome = run(package, identity, {"t1": head_instances})
    assert (outcome.verdict, outcome.objects) == (Verdict.REJECT, ())


def test_a_pipeline_of_a_few_hundred_lines_is_enough() -> None:
    lines = sum(len(file.read_text().splitlines()) for file in HERE.glob("plain_ct.py"))
    head = Path(sys.modules["pipelines"].__path__[0]) / "synthetic_ct_head"
    assert lines < 150
    assert sum(len(file.read_text().splitlines()) for file in head.glob("*.py")) < 200


def test_headers_are_read_without_torch() -> None:
    asked = "import sys, pipelines.headers; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
