"""Every check of the demo is sabotaged once: it must fail by name, and the demo end unsuccessfully."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from sqlalchemy import text

from models.volumes import Grid, Volume
from node.archive.tables import QuarantineRow
from node.composition import Node
from node.demo.accuracy import Truth
from node.demo.journey import Journey
from node.demo.judgement import BONE_FOUND, judge
from node.demo.place import DemoFolder
from node.demo.result import DemoResult
from node.demo.verification import CHECKS
from node.settings import load_settings
from node.status import report
from pipelines.phantoms.head import head_truth, sagittal_grid

pytestmark = pytest.mark.slow

FIELD = sagittal_grid(6.0, 4.5)
TRUTH = Truth(head_truth, 1, FIELD)


@dataclass
class Finished:
    """A copy of a finished demo, to be broken and judged anew."""

    folder: DemoFolder
    node: Node
    result: DemoResult
    truth: Truth = TRUTH
    arrived_before_release: int = 0

    def files(self) -> list[Path]:
        return sorted(self.folder.pacs.glob("*.dcm"))

    def of(self, modality: str) -> list[Path]:
        return [file for file in self.files() if dcmread(file, stop_before_pixels=True).Modality == modality]

    def change(self, modality: str, change: Callable[[Dataset], None], every: bool = False) -> None:
        for file in self.of(modality) if every else self.of(modality)[:1]:
            dataset = dcmread(file)
            change(dataset)
            dataset.save_as(file)

    def sql(self, statement: str) -> None:
        with self.node.database.write() as session:
            changed = session.execute(text(statement))
            assert changed.rowcount  # type: ignore[attr-defined]

    def judged(self) -> DemoResult:
        source = self.result.source
        with self.node.database.read() as session:
            (study,) = report(session, self.node.results, self.node.layout.run, source.study_uid).studies
        journey = replace(
            self.result.journey, study=study, run=study.runs[-1], arrived_before_release=self.arrived_before_release
        )
        return judge(self.node, source, journey, tuple(self.files()), self.folder, self.truth)


@pytest.fixture
def finished(finished_demo: DemoResult, tmp_path: Path) -> Iterator[Finished]:
    shutil.copytree(finished_demo.out, tmp_path / "out")
    folder = DemoFolder(tmp_path / "out")
    node = Node(load_settings(folder.settings))
    yield Finished(folder, node, finished_demo)
    node.database.close()


def flip_pixel(dataset: Dataset) -> None:
    dataset.PixelData = bytes([dataset.PixelData[0] ^ 1]) + dataset.PixelData[1:]


def touch_description(dataset: Dataset) -> None:
    dataset.SeriesDescription = "SYNTHETIC CT, touched"


def moved(dataset: Dataset) -> None:
    dataset.ImagePositionPatient = [*dataset.ImagePositionPatient[:2], float(dataset.ImagePositionPatient[2]) + 0.4]


def turned(dataset: Dataset) -> None:
    dataset.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]


def oblong(dataset: Dataset) -> None:
    dataset.PixelSpacing = [7, 6]


def setter(keyword: str, value: object) -> Callable[[Dataset], None]:
    def change(dataset: Dataset) -> None:
        setattr(dataset, keyword, value)

    return change


def without_model_hash(dataset: Dataset) -> None:
    for item in dataset.ContributingEquipmentSequence:
        if "SoftwareVersions" in item:
            item.SoftwareVersions = "unknown"


def other_frame(dataset: Dataset) -> None:
    for roi in dataset.StructureSetROISequence:
        roi.ReferencedFrameOfReferenceUID = "1.2.3"


def dangling(dataset: Dataset) -> None:
    contour = dataset.ROIContourSequence[0].ContourSequence[0]
    contour.ContourImageSequence[0].ReferencedSOPInstanceUID = "1.2.3"


def unreferred(dataset: Dataset) -> None:
    for roi in dataset.ROIContourSequence:
        for contour in roi.ContourSequence:
            del contour.ContourImageSequence


def on_ct(change: Callable[[Dataset], None], every: bool = False) -> Callable[[Finished], None]:
    return lambda finished: finished.change("CT", change, every)


def on_contours(change: Callable[[Dataset], None]) -> Callable[[Finished], None]:
    return lambda finished: finished.change("RTSTRUCT", change)


def sql(statement: str) -> Callable[[Finished], None]:
    return lambda finished: finished.sql(statement)


def arrived_early(finished: Finished) -> None:
    finished.arrived_before_release = 1


def set_apart(finished: Finished) -> None:
    source = finished.result.source
    with finished.node.database.write() as session:
        session.add(
            QuarantineRow(
                sop_instance_uid=source.files[0].sop_instance_uid,
                study_uid=source.study_uid,
                series_uid="",
                sop_class_uid="",
                transfer_syntax_uid="",
                sha256="00",
                size=0,
                location="00",
                received_at=finished.node.clock.now(),
                association_id="",
                calling_ae="",
                origin="received",
                reason_code="state-transition",
                reason_parameters={"thing": "run", "current": "held", "new": "queued"},
            )
        )


def drop_slice(finished: Finished) -> None:
    finished.of("CT")[3].unlink()


def drop_contours(finished: Finished) -> None:
    finished.of("RTSTRUCT")[0].unlink()


def double_slice(finished: Finished) -> None:
    file = finished.of("CT")[0]
    shutil.copy(file, file.with_name("another.dcm"))


def foreign_object(finished: Finished) -> None:
    shutil.copy(finished.result.source.files[0].path, finished.folder.pacs / "foreign.dcm")


def cut_slice(finished: Finished) -> None:
    file = finished.of("CT")[0]
    file.write_bytes(file.read_bytes()[:200])


def empty(finished: Finished) -> None:
    for file in finished.files():
        file.unlink()


def scrambled_truth(finished: Finished) -> None:
    def truth(grid: Grid) -> Volume:
        true = head_truth(grid)
        return Volume(np.ascontiguousarray(true.values[::-1, ::-1]), grid)

    finished.truth = Truth(truth, 1, FIELD)


SABOTAGES: list[tuple[str, Callable[[Finished], None]]] = [
    ("nothing-set-apart", set_apart),
    ("held-until-released", arrived_early),
    ("held-until-released", sql("UPDATE runs SET released_by = NULL")),
    ("arrived-complete", drop_slice),
    ("arrived-complete", double_slice),
    ("arrived-complete", foreign_object),
    ("arrived-complete", cut_slice),
    ("arrived-complete", empty),
    ("counts", drop_slice),
    ("counts", drop_contours),
    ("bytes", on_ct(touch_description)),
    ("bytes", empty),
    ("pixel-hash", on_ct(flip_pixel)),
    ("pixel-hash", empty),
    ("identity", on_ct(setter("StudyInstanceUID", "1.2.3"))),
    ("identity", on_ct(setter("PatientID", "SOMEBODY-ELSE"))),
    ("identity", foreign_object),
    ("frame-of-reference", on_ct(setter("FrameOfReferenceUID", "1.2.3"))),
    ("frame-of-reference", on_contours(other_frame)),
    ("geometry", on_ct(moved)),
    ("geometry", on_ct(turned)),
    ("geometry", on_ct(oblong)),
    ("geometry", drop_slice),
    ("geometry", empty),
    ("references", on_contours(dangling)),
    ("references", on_contours(unreferred)),
    ("references", drop_slice),
    ("synthetic-marks", on_ct(setter("SyntheticData", "NO"))),
    ("synthetic-marks", on_ct(setter("ContentQualification", "PRODUCT"))),
    ("synthetic-marks", on_ct(setter("SeriesDescription", "CT head"))),
    ("synthetic-marks", on_ct(setter("ImageType", ["ORIGINAL", "PRIMARY", "AXIAL"]))),
    ("synthetic-marks", on_contours(without_model_hash)),
    ("delivered", sql("UPDATE runs SET state = 'released'")),
    ("delivered", sql("UPDATE delivery_items SET status = NULL WHERE position = 2")),
    ("delivered", sql("DELETE FROM delivery_items")),
    ("node-checks", sql("UPDATE runs SET checks = '[]'")),
    ("node-checks", sql("UPDATE runs SET checks = replace(checks, 'PASS', 'REJECT')")),
    ("audit-chain", sql("UPDATE audit_rows SET actor_name = 'nobody' WHERE code = 'run-released'")),
    ("audit-chain", sql("DELETE FROM audit_rows WHERE sequence = (SELECT max(sequence) FROM audit_rows)")),
    ("audit-steps", sql("UPDATE audit_rows SET actor_name = 'nobody' WHERE code = 'run-released'")),
    ("audit-steps", sql("DELETE FROM audit_rows WHERE code = 'instances-received'")),
    (BONE_FOUND, scrambled_truth),
    (BONE_FOUND, empty),
]


def test_the_untouched_copy_holds(finished: Finished) -> None:
    assert finished.judged().exit_status == 0


@pytest.mark.parametrize(("name", "sabotage"), SABOTAGES, ids=[f"{i}-{name}" for i, (name, _) in enumerate(SABOTAGES)])
def test_a_sabotaged_output_ends_the_demo_unsuccessfully(
    finished: Finished, name: str, sabotage: Callable[[Finished], None]
) -> None:
    sabotage(finished)
    result = finished.judged()
    assert name in {check.name for check in result.checks if not check.held}
    assert result.exit_status != 0
    assert result.to_json()["ok"] is False


def test_every_check_is_sabotaged() -> None:
    assert {name for name, _ in SABOTAGES} == {name for name, _, _ in CHECKS} | {BONE_FOUND}


def test_an_audit_trail_that_does_not_verify_is_told(finished: Finished) -> None:
    finished.sql("UPDATE audit_rows SET actor_name = 'nobody' WHERE sequence = 1")
    assert finished.judged().to_json()["audit_valid"] is False


def test_a_journey_that_was_not_completed_is_no_success(finished_demo: DemoResult) -> None:
    journey: Journey = replace(finished_demo.journey, delivered=None)
    assert replace(finished_demo, journey=journey).exit_status == 1


def test_the_share_that_is_not_inference_is_of_the_whole_way(finished_demo: DemoResult) -> None:
    journey = finished_demo.journey
    assert journey.delivered is not None
    whole = journey.delivered - journey.sending_from
    assert abs(timedelta(seconds=finished_demo.seconds) - whole) < timedelta(milliseconds=20)
