"""The acceptance loop: what a destination changes, drops or moves is named; what comes back as it was sent passes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from orthanc import Orthanc
from pydicom import Dataset
from pydicom.uid import generate_uid
from sqlalchemy import select
from waiting import free_port

from node.actor import Actor, Role
from node.audit.tables import AuditRow
from node.deliver.acceptance import AcceptanceService
from node.deliver.deadline import TimeLimits
from node.deliver.returning import parts_of
from node.errors import Permanent, Refusal, SettingsError
from node.network import Peer
from pipelines.objects.profiles import PlanningProfile
from pipelines.phantoms.acceptance import AcceptanceObject, acceptance_object
from pipelines.phantoms.returned import compare_returned

PHYSICIST = Actor.person("m.curie", Role)
PROFILE = PlanningProfile(manufacturer="Planner", model_name="Curve A", kvp="120", image_type_2="PRIMARY")
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def sent() -> AcceptanceObject:
    return acceptance_object("one", PROFILE, NOON, "TEST", "0")


@pytest.fixture
def copies(sent: AcceptanceObject) -> list[Dataset]:
    return [_copy(one) for one in (*sent.images, sent.structures)]


def _copy(dataset: Dataset) -> Dataset:
    copied = Dataset.from_json(dataset.to_json())
    copied.file_meta = dataset.file_meta
    return copied


def codes(sent: AcceptanceObject, returned: list[Dataset]) -> list[str]:
    return [reason.code for reason in compare_returned(sent, returned, structures=True)]


def test_what_comes_back_as_it_was_sent_passes_in_any_order(sent: AcceptanceObject, copies: list[Dataset]) -> None:
    assert codes(sent, copies[::-1]) == []


def test_each_object_is_another_one_and_is_marked(sent: AcceptanceObject) -> None:
    other = acceptance_object("two", PROFILE, NOON, "TEST", "0")
    assert other.study_uid != sent.study_uid
    for image in sent.images:
        assert (image.SyntheticData, image.ContentQualification) == ("YES", "RESEARCH")
        assert (image.PatientID, image.Manufacturer, image.KVP) == ("PHANTOM-ACCEPT", "Planner", "120")


def rescale(copies: list[Dataset]) -> None:
    for image in copies[:-1]:
        image.RescaleIntercept = "-1000"


def drop(copies: list[Dataset]) -> None:
    del copies[7]


def shift_frame(copies: list[Dataset]) -> None:
    for image in copies[:-1]:
        image.FrameOfReferenceUID = "1.2.3"


def move(copies: list[Dataset]) -> None:
    for image in copies[:-1]:
        x, y, z = image.ImagePositionPatient
        image.ImagePositionPatient = [x + 5, y, z]


def mirror(copies: list[Dataset]) -> None:
    for image in copies[:-1]:
        image.PixelData = np.ascontiguousarray(image.pixel_array[:, ::-1]).tobytes()


def unmark(copies: list[Dataset]) -> None:
    for image in copies[:-1]:
        del image.SyntheticData


def rename_equipment(copies: list[Dataset]) -> None:
    for image in copies[:-1]:
        image.Manufacturer = "PACS"


def lose_structures(copies: list[Dataset]) -> None:
    del copies[-1]


def move_contours(copies: list[Dataset]) -> None:
    for contour in copies[-1].ROIContourSequence[0].ContourSequence:
        points = np.asarray(contour.ContourData, dtype=float).reshape(-1, 3)
        points[:, 1] += 2.5
        contour.ContourData = [f"{value:.4f}" for value in points.ravel()]


def drop_a_contour(copies: list[Dataset]) -> None:
    del copies[-1].ROIContourSequence[0].ContourSequence[3]


def rename_region(copies: list[Dataset]) -> None:
    copies[-1].StructureSetROISequence[0].ROIName = "BODY"


@pytest.mark.hazard("HAZ-03", "HAZ-05", "HAZ-06", "HAZ-21")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (rescale, "returned-hu-differs"),
        (drop, "returned-slices-missing"),
        (shift_frame, "returned-frame-differs"),
        (move, "returned-geometry-differs"),
        (mirror, "returned-hu-differs"),
        (unmark, "returned-mark-lost"),
        (rename_equipment, "returned-attribute-differs"),
        (lose_structures, "returned-structures-missing"),
        (move_contours, "returned-contours-differ"),
        (drop_a_contour, "returned-contours-differ"),
        (rename_region, "returned-roi-missing"),
    ],
)
def test_what_a_destination_changes_is_named(
    sent: AcceptanceObject, copies: list[Dataset], change: Callable[[list[Dataset]], None], code: str
) -> None:
    change(copies)
    assert codes(sent, copies) == [code]


def test_a_structure_set_may_come_back_under_another_uid(sent: AcceptanceObject, copies: list[Dataset]) -> None:
    copies[-1].SOPInstanceUID = generate_uid()
    assert codes(sent, copies) == []


def test_parts_keep_their_bytes() -> None:
    body = b"a\r\nb\n--no\r\n"
    content = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + body + b"\r\n--x\r\n\r\n\r\n--x--\r\n"
    assert parts_of('multipart/related; type="application/dicom"; boundary="x"', content) == [body, b""]
    with pytest.raises(Permanent, match="wado-answer-unreadable"):
        parts_of("text/html", content)


@pytest.fixture
def prove(rooms: Any) -> Callable[..., Any]:
    """Prove a destination with these settings, and return the proof."""

    def proved(by: Actor = PHYSICIST, **peer: Any) -> Any:
        destination = Peer(**{"name": "pacs", **peer})
        profiles = {"planner": PROFILE}
        rooms.node.settings = rooms.node.settings.model_copy(update={"peers": (destination,), "profiles": profiles})
        return service(rooms).prove("pacs", by)

    return proved


def service(rooms: Any) -> AcceptanceService:
    node = rooms.node
    return AcceptanceService(node.database, node.trail, node.settings, rooms.clock, "0", TimeLimits())


def last_audit(rooms: Any) -> AuditRow:
    with rooms.node.database.read() as session:
        return session.scalars(select(AuditRow).order_by(AuditRow.sequence.desc()).limit(1)).one()


@pytest.fixture
def orthanc(tmp_path: Path, move_port: int) -> Iterator[Orthanc]:
    pacs = Orthanc(tmp_path / "pacs", 9, serves_web=True, modalities={"PROVE": move_port})
    pacs.start()
    yield pacs
    pacs.stop()


@pytest.fixture
def move_port() -> int:
    return free_port()


@pytest.mark.peer("orthanc", "orthanc-dicomweb")
def test_orthanc_gives_back_what_it_got_by_each_way(
    orthanc: Orthanc, move_port: int, prove: Callable[..., Any], rooms: Any
) -> None:
    dimse = {"ae_title": "ORTHANC", "host": "127.0.0.1", "port": orthanc.port}
    got = prove(**dimse, deliver={"profile": "planner", "returns": {"by": "get"}})
    assert (got.passed, got.findings, got.way, got.profile) == (True, (), "get", "planner")
    moved = prove(**dimse, deliver={"returns": {"by": "move", "ae_title": "PROVE", "port": move_port}})
    assert (moved.passed, moved.findings) == (True, ())
    web = {"stow": {"url": orthanc.dicom_web}, "returns": {"by": "wado"}}
    assert prove(deliver=web).findings == ()
    assert orthanc.instances() == 3 * 25
    assert json.loads(last_audit(rooms).details)["findings"] == []
    assert last_audit(rooms).code == "destination-proved"


@pytest.mark.hazard("HAZ-06")
def test_a_proof_is_kept_with_its_profile_and_is_stale_when_that_changes(
    tmp_path: Path, prove: Callable[..., Any], rooms: Any
) -> None:
    folder = {"folder": str(tmp_path), "returns": {"by": "folder", "folder": str(tmp_path)}}
    prove(deliver={**folder, "profile": "planner"})
    (proof,) = service(rooms).latest().values()
    assert (proof.passed, proof.current, proof.proved_by) == (True, True, "m.curie")
    other = {"planner": PlanningProfile(kvp="140")}
    rooms.node.settings = rooms.node.settings.model_copy(update={"profiles": other})
    assert not service(rooms).latest()["pacs"].current


def test_what_was_not_exported_fails_by_name(tmp_path: Path, prove: Callable[..., Any]) -> None:
    for name in ("imports", "exports"):
        (tmp_path / name).mkdir()
    returns = {"by": "folder", "folder": str(tmp_path / "exports"), "wait_seconds": 0.1}
    nothing = prove(deliver={"folder": str(tmp_path / "imports"), "returns": returns})
    assert [one.code for one in nothing.findings] == ["returned-slices-missing", "returned-structures-missing"]


def test_a_destination_that_is_away_fails_by_name(prove: Callable[..., Any], rooms: Any) -> None:
    dimse = {"ae_title": "PACS", "host": "127.0.0.1", "port": free_port()}
    proof = prove(**dimse, deliver={"returns": {"by": "get"}})
    assert (proof.passed, [one.code for one in proof.findings]) == (False, ["peer-unreachable"])
    assert last_audit(rooms).outcome == "failure"


def test_who_may_not_and_what_cannot_be_proved_is_refused(prove: Callable[..., Any], rooms: Any) -> None:
    dimse = {"ae_title": "PACS", "host": "127.0.0.1", "port": 9}
    with pytest.raises(Refusal, match="access-denied"):
        prove(Actor.person("p", (Role.PLANNER,)), **dimse, deliver={"returns": {"by": "get"}})
    assert (last_audit(rooms).code, last_audit(rooms).outcome) == ("destination-proved", "failure")
    with pytest.raises(SettingsError, match="returns-not-set"):
        prove(**dimse, deliver={})
    with pytest.raises(Refusal, match="destination-wants-no-images"):
        prove(**dimse, deliver={"wants": ["RTStructureSetStorage"], "returns": {"by": "get"}})
