"""A delivered result is replaced by a newer one, then recalled for safety: what Orthanc and a webhook then have."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hospital import Hospital, OpenHospital
from pydicom import Dataset, dcmread
from pydicom.uid import generate_uid
from tiny_pipeline import TinyStudy, write_tiny_pipeline, write_tiny_rules
from waiting import wait_for

pytestmark = [pytest.mark.peer("orthanc", "dcmtk"), pytest.mark.slow]

KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.59"
SECRET = b"a secret of the test's own"
STUDY = TinyStudy(1, "spine")


@pytest.fixture
def posts() -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    received: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", received
    server.shutdown()
    server.server_close()


def with_another_image(folder: Path) -> Path:
    """Write one more image of the study's series into a folder of its own."""
    image = dcmread(next(folder.glob("*.dcm")))
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["another"])
    image.InstanceNumber, image.ImagePositionPatient = 2, [0, 0, 1]
    later = folder.with_name("later")
    later.mkdir()
    image.save_as(later / "another.dcm", enforce_file_format=True)
    return later


def held_objects(hospital: Hospital) -> dict[str, Dataset]:
    return {uid: dcmread(BytesIO(file)) for uid, file in hospital.pacs.files().items()}


def notes(hospital: Hospital) -> list[Dataset]:
    return [one for one in held_objects(hospital).values() if one.SOPClassUID == KEY_OBJECTS]


def rejected(note: Dataset) -> set[str]:
    return {
        one.ReferencedSOPInstanceUID
        for study in note.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    }


def run_in(study: dict[str, Any], state: str) -> dict[str, Any] | None:
    return next((run for run in study["runs"] if run["state"] == state), None)


@pytest.mark.hazard("HAZ-11", "HAZ-13", "HAZ-19", "HAZ-26")
def test_orthanc_has_the_notes_of_what_was_replaced_and_recalled(
    open_hospital: OpenHospital, posts: Any, tmp_path: Path
) -> None:
    url, received = posts
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET)
    hospital = open_hospital(
        sends_back=True,
        quiet_seconds=2.0,
        environment={"PYTHONPATH": str(write_tiny_pipeline(tmp_path / "plugin")), "TINY_SECONDS": "0.2"},
        rules=str(write_tiny_rules(tmp_path / "rules.yaml")),
        notify={"webhooks": [{"name": "desk", "url": url, "secret_file": str(secret)}]},
    )
    node, images = hospital.node, STUDY.write(tmp_path / "study")
    assert hospital.scan(images) == 1
    node.wait_until_held(STUDY.study_uid)
    node.release(STUDY.study_uid)
    node.wait_until_delivered(STUDY.study_uid)
    (old,) = held_objects(hospital)

    assert hospital.scan(with_another_image(images)) == 1
    node.wait_for_study(STUDY.study_uid, lambda study: run_in(study, "held"), within=120, what="held anew")
    review = node.json("review", STUDY.study_uid, "--json")
    assert [(one["destinations"], one["inputs"]) for one in review["replaces"]] == [
        (["pacs"], [{"slot": "image", "added": 1, "removed": 0, "altered": 0}])
    ]
    assert notes(hospital) == [], "nothing is replaced before somebody releases it"
    node.release(STUDY.study_uid)
    node.wait_for_study(STUDY.study_uid, lambda study: run_in(study, "delivered"), within=120, what="delivered anew")
    (replaced,) = notes(hospital)
    assert (replaced.ConceptNameCodeSequence[0].CodeValue, rejected(replaced)) == ("113001", {old})
    (new,) = held_objects(hospital).keys() - {old, replaced.SOPInstanceUID}

    done = node.command("recall", STUDY.study_uid, "--by", "e2e", "--reason", "the wrong side", "--safety", "--json")
    assert [one["notified"] for one in json.loads(done.stdout)["withdrawn"]] == [["pacs"]]
    wait_for(lambda: len(notes(hospital)) == 2, within=60, what="the second note in Orthanc")
    (recalled,) = [note for note in notes(hospital) if note.SOPInstanceUID != replaced.SOPInstanceUID]
    assert (recalled.ConceptNameCodeSequence[0].CodeValue, rejected(recalled)) == ("113037", {new})
    assert "the wrong side" in [item.get("TextValue") for item in recalled.ContentSequence]
    again = node.command("recall", STUDY.study_uid, "--by", "e2e", "--reason", "again")
    assert (again.returncode, "recall-nothing" in again.stderr) == (2, True)

    # Orthanc sent everything back, the notes too: nothing begins anew.
    study = node.study(STUDY.study_uid)
    assert study is not None
    assert (study["revision"], sorted(run["state"] for run in study["runs"])) == (2, ["recalled", "recalled"])

    def occasions() -> list[str]:
        return sorted(json.loads(body)["occasion"] for _, body in received)

    wait_for(lambda: occasions() == ["hold", "hold", "recall", "recall"], within=60, what="the notifications")
    for headers, body in received:
        signed = headers["Synthnode-Timestamp"].encode() + b"." + body
        assert headers["Synthnode-Signature"] == f"sha256={hmac.new(SECRET, signed, hashlib.sha256).hexdigest()}"
        assert b"PHANTOM" not in body
