"""A pipeline without a node: the same series, the same bytes, and nothing written that a node would not release."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from head_series import HeadSeries
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage, generate_uid
from sqlalchemy import select
from typer.testing import CliRunner
from ungated_model import UNGATED, ungated_packages

from node.archive.part10 import head_bytes
from node.cli.app import app
from node.errors import Permanent
from node.reasons import text
from node.rules import RuleSet
from node.runs.tables import RunRow
from node.standalone.run import Finished, check_writable, compute, identify, packages_of, write
from node.standalone.slots import Filled, fill_slots
from node.standalone.study import FolderStudy, read_folder_study
from pipelines.contract import Check, Reason, Verdict
from pipelines.objects.encoding import encode
from pipelines.synthetic_ct_head.declaration import DECLARATION

NEVER = Check("frame-of-reference", Verdict.REJECT, Reason("frame-differs", {}), overridable=False)


def in_folder(folder: Path, datasets: Sequence[Dataset]) -> Path:
    folder.mkdir(exist_ok=True)
    for dataset in datasets:
        # As another writer of files puts it: the file meta is no part of the object.
        dataset.file_meta.ImplementationVersionName = "ELSEWHERE"
        dataset.file_meta.SourceApplicationEntityTitle = "CD"
        dataset.save_as(folder / f"{dataset.SOPInstanceUID}.dcm", enforce_file_format=True)
    return folder


def chosen(study: FolderStudy, rulesets: Sequence[RuleSet], **patterns: str) -> Filled:
    return fill_slots(study, DECLARATION, rulesets, patterns)


def computed(rooms, study: FolderStudy, **run: object) -> Finished:
    filled = chosen(study, [rooms.node.active_rules.read().ruleset])
    packages = packages_of(filled, {rooms.model.card.name: rooms.model}.__getitem__)
    identity = identify(
        DECLARATION.version,
        DECLARATION.name,
        filled,
        packages,
        **{"run_number": 1, "station": "TEST", "software_version": "0", "started_at": rooms.clock.now(), **run},
    )
    return compute(study, filled, packages, lambda _name, _packages: rooms.pipeline, identity, lambda *_: None)


def refused(act, *arguments: object, **named: object) -> Reason:
    with pytest.raises(Permanent) as caught:
        act(*arguments, **named)
    assert "{" not in text(caught.value.reason)
    return caught.value.reason


@pytest.mark.hazard("HAZ-09")
def test_the_same_files_give_the_very_bytes_that_a_node_keeps(rooms, mr_study, tmp_path: Path) -> None:
    images = mr_study(SeriesDescription="t1")
    rooms.pipeline.checks = ()
    rooms.file(*images)
    rooms.settle()
    with rooms.node.database.read() as session:
        run_id = session.scalars(select(RunRow)).one().run_id
    rooms.compute(run_id)
    kept = rooms.node.results.kept(run_id)
    with rooms.node.database.read() as session:
        started_at = session.get_one(RunRow, run_id).started_at
    finished = computed(rooms, read_folder_study(in_folder(tmp_path / "study", images)), started_at=started_at)
    in_node, alone = rooms.pipeline.identities
    assert in_node == alone
    assert [one.sop_instance_uid for one in kept.objects] == [
        one["sop_instance_uid"] for one in finished.report["objects"]
    ]
    in_archive = [rooms.node.files.whole(one.location).read_bytes() for one in kept.objects]
    assert in_archive == [encode(dataset) for dataset in finished.outcome.objects]


def test_another_run_number_gives_other_uids(rooms, mr_study, tmp_path: Path) -> None:
    study = read_folder_study(in_folder(tmp_path / "study", mr_study()))
    first, second = (computed(rooms, study, run_number=number).report["objects"] for number in (1, 2))
    assert first[0]["sop_instance_uid"] != second[0]["sop_instance_uid"]


def test_what_leaves_a_choice_is_refused_by_name_and_a_name_decides(rooms, mr_study, tmp_path: Path) -> None:
    study_uid, series_uid = generate_uid(), generate_uid()
    folder = in_folder(tmp_path / "study", mr_study(StudyInstanceUID=study_uid, SeriesDescription="T1 mpr"))
    more = mr_study(slices=9, StudyInstanceUID=study_uid, SeriesInstanceUID=series_uid, SeriesDescription="T1 repeat")
    study = read_folder_study(in_folder(folder, more))
    rulesets = [rooms.node.active_rules.read().ruleset]
    reason = refused(chosen, study, rulesets)
    assert reason.code == "run-series-ambiguous"
    assert {"T1 mpr", "T1 repeat"} == set(str(reason.parameters["descriptions"]).split(", "))
    by_name = chosen(study, rulesets, t1="*REPEAT")
    assert (by_name.slots, by_name.chosen_by) == ({"t1": series_uid}, {"t1": "name"})
    assert refused(chosen, study, rulesets, t1="T1*").code == "run-series-ambiguous"
    assert refused(chosen, study, rulesets, t1="T2*").code == "run-series-missing"
    assert refused(chosen, study, rulesets, t9="*").code == "run-slot-unknown"
    assert refused(chosen, study, []).code == "run-no-rule"


def test_a_series_that_no_rule_takes_is_refused_with_what_stood_in_the_way(rooms, mr_study, tmp_path: Path) -> None:
    study = read_folder_study(in_folder(tmp_path / "study", mr_study(Modality="CT")))
    reason = refused(chosen, study, [rooms.node.active_rules.read().ruleset])
    assert reason.code == "run-series-missing"
    assert "Modality" in text(reason)


def test_a_study_that_is_not_one_or_not_whole_is_refused(mr_study, tmp_path: Path) -> None:
    assert refused(read_folder_study, tmp_path / "none").code == "folder-missing"
    assert refused(read_folder_study, tmp_path).code == "run-no-dicom"
    two = in_folder(in_folder(tmp_path / "two", mr_study()), mr_study())
    assert refused(read_folder_study, two).code == "run-several-studies"
    images = mr_study()
    conflict = in_folder(tmp_path / "conflict", images)
    images[0].Rows = 1
    images[0].save_as(conflict / "other.dcm", enforce_file_format=True)
    assert refused(read_folder_study, conflict).code == "run-instance-conflict"
    cut = in_folder(tmp_path / "cut", mr_study())
    file = next(cut.iterdir())
    file.write_bytes(file.read_bytes()[:-4])
    assert refused(read_folder_study, cut).code == "run-file-unusable"
    for content in (b"", b"not copied"):
        lost = in_folder(tmp_path / f"lost-{len(content)}", mr_study())
        (lost / "last.dcm").write_bytes(content)
        assert refused(read_folder_study, lost).code == "run-file-unusable"


def test_a_directory_of_media_and_other_files_are_passed_over(mr_study, tmp_path: Path) -> None:
    folder = in_folder(tmp_path / "study", mr_study())
    (folder / "DICOMDIR").write_bytes(head_bytes(MediaStorageDirectoryStorage, "1.2.3", ExplicitVRLittleEndian))
    (folder / "readme.txt").write_text("a viewer's")
    study = read_folder_study(folder)
    assert {file.name for file in study.passed_over} == {"DICOMDIR", "readme.txt"}
    assert [len(members) for members in study.series.values()] == [3]


def test_a_result_is_written_whole_and_nowhere_else(rooms, mr_study, tmp_path: Path) -> None:
    folder = in_folder(tmp_path / "study", mr_study())
    finished = computed(rooms, read_folder_study(folder))
    out = tmp_path / "out"
    out.mkdir()
    write(finished, out)
    report = json.loads((out / "report.json").read_text())
    assert (report["schema"], report["verdict"], report["objects_withheld"]) == (1, "REVIEW", 0)
    assert [(out / one["file"]).is_file() for one in report["objects"]] == [True]
    assert (out / "montage.png").read_bytes() == b"png"
    assert {one.name for one in tmp_path.iterdir()} >= {"out", "study"}
    assert not list(tmp_path.glob(".out.*"))
    assert refused(check_writable, out, folder).code == "run-out-not-empty"
    assert refused(check_writable, folder / "out", folder).code == "run-out-overlaps"


def test_the_folder_that_one_stands_in_is_filled_and_stays_the_same(
    rooms, mr_study, tmp_path: Path, monkeypatch
) -> None:
    finished = computed(rooms, read_folder_study(in_folder(tmp_path / "study", mr_study())))
    out = tmp_path / "here"
    out.mkdir()
    before = out.stat().st_ino
    monkeypatch.chdir(out)
    check_writable(Path(), tmp_path / "study")
    write(finished, Path())
    assert out.stat().st_ino == before
    assert {one.name for one in Path().iterdir()} == {one.name for one in out.iterdir()}
    assert (out / "report.json").is_file()
    assert not [one for one in out.iterdir() if one.name.startswith(".")]


@pytest.mark.hazard("HAZ-05")
def test_no_object_of_a_rejected_result_is_written(rooms, mr_study, tmp_path: Path) -> None:
    rooms.pipeline.checks = (NEVER,)
    finished = computed(rooms, read_folder_study(in_folder(tmp_path / "study", mr_study())))
    write(finished, tmp_path / "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["verdict"], report["objects"], report["objects_withheld"]) == ("REJECT", [], 1)
    assert not list((tmp_path / "out").rglob("*.dcm"))


def test_the_command_says_why_a_study_is_refused_and_exits_with_one(tmp_path: Path) -> None:
    images = HeadSeries(slices=12).datasets()
    for image in images:
        image.BodyPartExamined = "PROSTATE"
    folder = in_folder(tmp_path / "study", images)
    options = ["--slot", "t1=*", "--packages", str(ungated_packages()), "--model", f"generator={UNGATED}", "--json"]
    done = CliRunner().invoke(app, ["run", "synthetic-ct-head", str(folder), "--out", str(tmp_path / "out"), *options])
    report = json.loads(done.stdout)
    assert (done.exit_code, report["verdict"], report["objects"]) == (1, "REJECT", [])
    assert "body-part" in {check["name"] for check in report["checks"] if check["verdict"] == "REJECT"}
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == report


def test_a_model_that_is_not_installed_is_named(mr_study, tmp_path: Path) -> None:
    folder = in_folder(tmp_path / "study", mr_study())
    options = ["--slot", "t1=*", "--model", "generator=nowhere"]
    arguments = ["run", "synthetic-ct-head", str(folder), "--out", str(tmp_path / "out"), *options]
    error = CliRunner().invoke(app, arguments).exception
    assert isinstance(error, Permanent)
    assert (error.reason.code, error.reason.parameters["model"]) == ("model-missing", "nowhere")
