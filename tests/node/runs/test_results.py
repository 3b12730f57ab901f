"""Kept results: whole or not at all, and the first kept wins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from node.errors import Permanent, Transient
from node.runs.results import KeptObject, Manifest, Results
from pipelines.contract import Check, Reason, Verdict


def manifest(run_id: str = "r1", sha: str = "aa") -> Manifest:
    return Manifest(
        run_id=run_id,
        objects=(KeptObject("1.2.3", "1.2.840.10008.5.1.4.1.1.2", "1.2", sha, "x/y.dcm"),),
        checks=(Check("age", Verdict.REVIEW, Reason("age-below-card", {"found": 3, "accepted": 18})),),
        stages={"read": 0.5},
        previews=("montage.png",),
    )


def test_what_is_kept_is_read_back(tmp_path: Path) -> None:
    results = Results(tmp_path)
    assert results.kept("r1") is None
    results.keep(manifest(), {"montage.png": b"png"})
    assert results.kept("r1") == manifest()
    assert (results.folder_of("r1") / "montage.png").read_bytes() == b"png"
    assert manifest().verdict is Verdict.REVIEW


@pytest.mark.hazard("HAZ-09")
def test_of_two_attempts_the_first_kept_wins(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.keep(manifest(sha="first"), {"montage.png": b"1"})
    counts = results.keep(manifest(sha="second"), {"montage.png": b"2"})
    assert counts.objects[0].sha256 == "first"
    assert (results.folder_of("r1") / "montage.png").read_bytes() == b"1"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != ".staging") == ["r1"]
    assert list((tmp_path / ".staging").rglob("*.*")) == []


@pytest.mark.hazard("HAZ-20")
def test_half_written_attempts_are_no_results_and_are_swept(tmp_path: Path) -> None:
    for machine in ("this", "other"):
        staged = tmp_path / ".staging" / machine / "r1.dead"
        staged.mkdir(parents=True)
        (staged / "manifest.json").write_text(json.dumps(manifest().to_json()))
    results = Results(tmp_path, "this")
    assert results.kept("r1") is None
    results.sweep()
    assert [path.name for path in (tmp_path / ".staging").iterdir()] == ["other"], "another machine may be at work"


def test_a_spoilt_manifest_is_named(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.keep(manifest(), {})
    (results.folder_of("r1") / "manifest.json").write_text("{")
    with pytest.raises(Permanent, match=r"result-unreadable.*manifest\.json"):
        results.kept("r1")


@pytest.mark.hazard("HAZ-20")
def test_a_folder_that_cannot_be_written_is_a_passing_fault(tmp_path: Path) -> None:
    results = Results(tmp_path / "results")
    with pytest.raises(Transient, match="result-not-kept"):
        results.keep(manifest(), {})
