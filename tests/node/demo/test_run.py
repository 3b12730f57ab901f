"""The whole demo with a node in threads: what it does when all is well, and when the way itself breaks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread

from node.demo.result import DemoResult
from node.demo.stand_in_pacs import StandInPacs
from node.errors import Permanent
from pipelines.contract import Check, Reason, Verdict

pytestmark = pytest.mark.slow

PlayDemo = Callable[..., DemoResult]

REVIEW = Check("patient-age", Verdict.REVIEW, Reason("age-below-card", {"found": 3, "accepted": 18}))
NEVER = Check("frame-of-reference", Verdict.REJECT, Reason("frame-differs", {}), overridable=False)

KEYS = {
    *("study_uid", "rule", "pipeline", "models", "stages", "checks", "held", "released_by", "outputs", "delivered"),
    *("audit_valid", "schema", "ok", "demo_checks", "seconds", "share_not_inference"),
}


def test_a_study_goes_the_whole_way(play_demo: PlayDemo, tmp_path: Path) -> None:
    result = play_demo()
    assert [check for check in result.checks if not check.held] == []
    assert result.exit_status == 0
    told = result.to_json()
    assert told.keys() >= KEYS
    assert told["rule"] == "head-t1-to-synthetic-ct"
    assert told["models"]["generator"].keys() == {"name", "version", "sha256"}
    assert (told["held"], told["released_by"], told["delivered"], told["audit_valid"]) == (True, "demo", True, True)
    assert [output["instances"] for output in told["outputs"]] == [30, 1]
    names = [stage["name"] for stage in told["stages"]]
    assert names == ["send", "settle", "queue", "infer", "keep", "release", "deliver"]
    assert 0 < told["share_not_inference"] <= 1
    assert json.loads((tmp_path / "out" / "demo.json").read_text()) == told
    assert Path(told["pictures"]["montage.png"]).read_bytes() == b"png"
    shown = (tmp_path / "console.txt").read_text()
    for heading in ("What comes in", "matched, because", "Each stage", "What was sent", "made sure of", "All held"):
        assert heading in shown


def test_a_review_is_held_and_released_with_its_reason(play_demo: PlayDemo, truth_pipeline: type) -> None:
    result = play_demo(pipeline=truth_pipeline(REVIEW))
    assert result.exit_status == 0
    told = result.to_json()
    assert told["verdict"] == "REVIEW"
    assert ("patient-age", "REVIEW") in {(check["name"], check["verdict"]) for check in told["checks"]}
    assert told["released_by"] == "demo"


def test_a_result_that_may_never_leave_ends_the_demo_unsuccessfully(
    play_demo: PlayDemo, truth_pipeline: type, tmp_path: Path
) -> None:
    result = play_demo(pipeline=truth_pipeline(NEVER))
    assert result.exit_status == 1
    told = result.to_json()
    assert (told["held"], told["released_by"], told["delivered"]) == (False, None, False)
    assert told["why_not"]
    assert not list((tmp_path / "out" / "pacs").iterdir())


@pytest.mark.parametrize(("study", "out"), [("out/study", "out"), ("study", "study/out"), ("study", "study")])
def test_a_study_inside_or_around_the_demos_folder_is_not_touched(
    play_demo: PlayDemo, small_study: Path, tmp_path: Path, study: str, out: str
) -> None:
    shutil.copytree(small_study, tmp_path / study)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(Permanent, match="demo-out-overlaps"):
        play_demo(tmp_path / study, out=tmp_path / out)
    assert sorted(tmp_path.rglob("*")) == before


class RefusingPacs(StandInPacs):
    """Refuses every second instance for good."""

    asked = 0

    def keep(self, sop_instance_uid: str, content: bytes) -> int:
        self.asked += 1
        return 0xA900 if self.asked % 2 == 0 else super().keep(sop_instance_uid, content)


def test_a_pacs_that_refuses_ends_the_demo_unsuccessfully(play_demo: PlayDemo) -> None:
    result = play_demo(pacs=RefusingPacs)
    assert result.exit_status == 1
    told = result.to_json()
    assert told["delivered"] is False
    assert "A900" in told["why_not"]
    assert {check["name"] for check in told["demo_checks"] if not check["held"]} >= {"arrived-complete", "delivered"}


class FlippingPacs(StandInPacs):
    """Stores something else than it got, and says that all is well."""

    def keep(self, sop_instance_uid: str, content: bytes) -> int:
        return super().keep(sop_instance_uid, content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])


def test_a_pacs_that_changes_pixels_is_found(play_demo: PlayDemo) -> None:
    result = play_demo(pacs=FlippingPacs)
    assert result.exit_status == 1
    assert {check.name for check in result.checks if not check.held} >= {"bytes", "pixel-hash"}


def test_two_objects_under_one_uid_stop_the_study_and_are_named(
    play_demo: PlayDemo, small_study: Path, tmp_path: Path
) -> None:
    study = Path(shutil.copytree(small_study, tmp_path / "study"))
    dataset = dcmread(study / "0005.dcm")
    dataset.PixelData = bytes(len(dataset.PixelData))
    dataset.save_as(study / "0005-again.dcm")
    result = play_demo(study)
    assert result.exit_status == 1
    told = result.to_json()
    assert (told["rule"], told["held"], told["delivered"]) == (None, False, False)
    assert "set apart" in told["why_not"]
    assert "SOP Instance UID" in told["why_not"]
    assert result.journey.study is not None
    assert len(result.journey.study.quarantined) == 1


@pytest.mark.data
def test_a_ct_study_ends_unrouted_and_says_why(play_demo: PlayDemo, real_data: Path, tmp_path: Path) -> None:
    study = tmp_path / "ct"
    study.mkdir()
    for file in sorted((real_data / "ct-head-phantom-dicom" / "no-tilt-5mm").iterdir()):
        shutil.copy(file, study)
    result = play_demo(study)
    assert result.exit_status == 1
    told = result.to_json()
    assert told["rule"] is None
    assert "Modality == \"MR\" is false (Modality is 'CT')" in told["why_not"]
    assert "did not match" in (tmp_path / "console.txt").read_text()
