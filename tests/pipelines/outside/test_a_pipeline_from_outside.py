"""A second pipeline comes from another distribution, is found by its entry point, and runs through the contract."""

from __future__ import annotations

import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest

from models.packages import ModelPackage
from pipelines import installed
from pipelines.contract import ModelIdentity, Outcome, RunIdentity, SourceInstance, Verdict
from pipelines.errors import PipelineError
from pipelines.reasons import text

pytestmark = pytest.mark.slow

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
    assert {dataset.Modality for dataset in outcome.objects} == {"CT", "SR", "DOC", "OT"}
    assert {dataset.SyntheticData for dataset in outcome.objects} == {"YES"}
    assert "bone-hu" in {check.name for check in outcome.checks}
    assert "one-patient" not in {check.name for check in outcome.checks}
    assert "body-outline" not in {check.name for check in outcome.checks}
    # The model and the objects' rules are checked by the skeleton: no pipeline can leave them out.
    assert {"model-hash", "identity-carried", "frame-of-reference"} <= {
        c.name for c in outcome.checks if not c.overridable
    }
    assert list(outcome.stages) == ["read", "gate", "infer", "contour", "encode", "check", "preview", "report"]
    assert b"a line through" in outcome.previews["report.html"]


@pytest.mark.usefixtures("_installed")
def test_two_slots_feed_two_inputs_and_each_is_checked(
    package: ModelPackage, identity: RunIdentity, head_instances: list[SourceInstance]
) -> None:
    one = package.card.inputs[0]
    card = package.card.model_copy(update={"inputs": (one, one.model_copy(update={"name": "t2"}))})
    outcome = run(replace(package, card=card), identity, {"t1": head_instances, "t2": head_instances})
    assert [check.name for check in outcome.checks].count("contrast") == 2
    assert [check.verdict for check in outcome.checks if check.name == "one-patient"] == [Verdict.PASS]
    assert outcome.objects
    with pytest.raises(PipelineError) as caught:
        run(replace(package, card=card), identity, {"t1": head_instances})
    assert caught.value.reason.code == "model-unfit"


def with_two_inputs(package: ModelPackage, *names: str) -> ModelPackage:
    one = package.card.inputs[0]
    inputs = tuple(one.model_copy(update={"name": name}) for name in names)
    return replace(package, card=package.card.model_copy(update={"inputs": inputs}))


@pytest.mark.hazard("HAZ-02")
@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientID", "SOMEBODY-ELSE"),
        ("PatientName", "SOMEBODY^ELSE"),
        ("PatientBirthDate", "19010203"),
        ("StudyInstanceUID", "2.25.77"),
        ("FrameOfReferenceUID", "2.25.77"),
    ],
)
@pytest.mark.usefixtures("_installed")
def test_series_of_two_patients_studies_or_frames_are_not_computed(
    package: ModelPackage, identity: RunIdentity, head_instances: list[SourceInstance], keyword: str, value: str
) -> None:
    others = deepcopy(head_instances)
    for instance in others:
        setattr(instance.dataset, keyword, value)
    outcome = run(with_two_inputs(package, "t1", "t2"), identity, {"t1": head_instances, "t2": others})
    (check,) = (check for check in outcome.checks if check.name == "one-patient")
    assert (check.verdict, check.overridable, outcome.objects) == (Verdict.REJECT, False, ())
    said = text(check.reason)
    assert keyword in said
    assert value not in said


@pytest.mark.usefixtures("_installed")
def test_inputs_that_only_partly_have_the_slots_names_are_refused(
    package: ModelPackage, identity: RunIdentity, head_instances: list[SourceInstance]
) -> None:
    with pytest.raises(PipelineError) as caught:
        run(with_two_inputs(package, "flair", "t1"), identity, {"t1": head_instances, "t2": head_instances})
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
