"""What comes to a node that should not: each ends with a name and a reason, and nothing is lost or doubled."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from dcmtk import dcmsend
from head_series import HeadSeries
from hospital import Hospital, OpenHospital
from pydicom import dcmread
from waiting import stays

pytestmark = [pytest.mark.peer("orthanc", "dcmtk"), pytest.mark.slow]


@pytest.fixture(scope="module")
def hospital(open_hospital: OpenHospital) -> Hospital:
    """One hospital for all of this file; each test has a study of its own."""
    return open_hospital(quiet_seconds=2.0)


def test_a_text_file_given_as_a_study_is_refused_by_name(hospital: Hospital, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear colleague, thank you for referring this patient.\n" * 20)
    done = hospital.send(tmp_path)
    assert done.returncode != 0
    assert "letter.txt" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.hazard("HAZ-08")
def test_a_dicom_file_that_was_cut_in_the_middle_is_set_apart_by_name(hospital: Hospital, tmp_path: Path) -> None:
    series = HeadSeries(seed=101)
    folder = series.write(tmp_path / "mr")
    cut = folder / "0030.dcm"
    uid = str(dcmread(cut).SOPInstanceUID)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    done = hospital.send(folder)
    assert "Traceback" not in done.stderr
    ends_with_one_quarantined(hospital, series, uid, "instance-truncated")


def test_pixels_that_are_fewer_than_the_header_says_are_set_apart_by_name(hospital: Hospital, tmp_path: Path) -> None:
    series = HeadSeries(seed=102)
    folder = series.write(tmp_path / "mr")
    short = dcmread(folder / "0030.dcm")
    short.PixelData = short.PixelData[: len(short.PixelData) // 2]
    short.save_as(folder / "0030.dcm", enforce_file_format=True)
    hospital.scan(folder)
    ends_with_one_quarantined(hospital, series, str(short.SOPInstanceUID), "pixel-data-short")


def ends_with_one_quarantined(hospital: Hospital, series: HeadSeries, uid: str, code: str) -> None:
    """Expect that nothing is computed from a study of which one instance is no good, and that this is said."""
    study = hospital.node.wait_for_study(
        series.study_uid, lambda s: s["state"] == "unrouted", within=60, what="an end with a name"
    )
    (entry,) = study["quarantined"]
    assert (entry["sop_instance_uid"], entry["code"]) == (uid, code)
    assert entry["reason"]
    assert study["reason"]
    assert study["runs"] == []
    assert study["instances"] == series.slices - 1


@pytest.mark.hazard("HAZ-11")
def test_a_ct_study_that_no_rule_takes_ends_unrouted_and_says_why(hospital: Hospital, tmp_path: Path) -> None:
    series = HeadSeries(slices=4, seed=103, modality="CT")
    hospital.scan(series.write(tmp_path / "ct"))
    study = hospital.node.wait_for_study(
        series.study_uid, lambda s: s["state"] == "unrouted", within=60, what="an unrouted study"
    )
    assert study["reason"]
    assert study["runs"] == []


@pytest.mark.hazard("HAZ-18")
def test_two_instances_with_one_uid_are_kept_apart_and_named(hospital: Hospital, tmp_path: Path) -> None:
    series = HeadSeries(slices=4, seed=104)
    folder = series.write(tmp_path / "mr")
    hospital.scan(folder)
    first = dcmread(folder / "0002.dcm")
    uid = str(first.SOPInstanceUID)
    (before,) = hospital.node.kept({uid})[uid]
    other = dcmread(folder / "0002.dcm")
    other.PixelData = bytes(len(other.PixelData))
    (tmp_path / "other").mkdir()
    other.save_as(tmp_path / "other" / "0002.dcm", enforce_file_format=True)
    hospital.scan(tmp_path / "other")
    study = hospital.node.wait_for_study(
        series.study_uid, lambda s: s["quarantined"], within=60, what="the second to be quarantined"
    )
    (entry,) = study["quarantined"]
    assert entry["sop_instance_uid"] == uid
    assert entry["code"] == "conflicting-instance"
    kept = hospital.node.kept({uid})[uid]
    assert len(kept) == 2
    assert before in kept
    assert {dcmread(BytesIO(file)).PixelData for file in kept} == {first.PixelData, other.PixelData}


@pytest.mark.hazard("HAZ-09")
def test_the_same_study_twice_has_the_same_outputs_and_not_twice(hospital: Hospital, tmp_path: Path) -> None:
    series = HeadSeries(seed=105)
    folder = series.write(tmp_path / "mr")
    hospital.scan(folder)
    held = hospital.node.wait_until_held(series.study_uid)
    hospital.scan(folder)
    dcmsend(folder, hospital.node.port, calling="ORTHANC")
    study = stays(lambda: hospital.node.study(series.study_uid), seconds=6, what="the study")
    assert study is not None
    assert study["runs"] == [held]
    assert study["revision"] == 1
    assert study["instances"] == series.slices + len(held["objects"])
    assert study["quarantined"] == []


@pytest.mark.hazard("HAZ-11")
def test_a_stopped_pacs_makes_the_delivery_wait_and_no_more(hospital: Hospital, tmp_path: Path) -> None:
    series = HeadSeries(seed=106)
    hospital.scan(series.write(tmp_path / "mr"))
    hospital.node.wait_until_held(series.study_uid)
    before = hospital.pacs.instances()
    hospital.pacs.stop()
    hospital.node.release(series.study_uid)
    waiting = hospital.node.wait_for_study(
        series.study_uid,
        lambda s: any(d["attempts"] >= 2 for d in s["runs"][0]["deliveries"]),
        within=60,
        what="a second attempt",
    )
    (delivery,) = waiting["runs"][0]["deliveries"]
    assert delivery["state"] in ("pending", "sending")
    assert delivery["sent"] == 0
    assert delivery["reason"]
    hospital.pacs.start()
    (run,) = hospital.node.wait_until_delivered(series.study_uid)["runs"]
    assert hospital.pacs.instances() - before == len(run["objects"])
