"""A folder as destination: a result appears whole or not at all, under names that say nothing of a patient."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from node.deliver import folder as module
from node.network import Peer
from node.states import DeliveryState


@pytest.fixture
def imports(tmp_path: Path) -> Path:
    folder = tmp_path / "imports"
    folder.mkdir()
    return folder


@pytest.fixture
def released(delivering: Any, mr_study: Callable[[], Any], imports: Path) -> Any:
    delivering.configure(Peer(name="research", deliver={"research": True, "folder": str(imports)}))  # type: ignore[arg-type]
    delivering.hold(mr_study(), slices=3)
    delivering.release()
    return delivering


@pytest.mark.hazard("HAZ-11")
def test_a_result_appears_whole_with_its_marker(released: Any, imports: Path) -> None:
    row = released.attempt()
    assert (row.state, [item.status for item in row.items]) == (DeliveryState.DELIVERED, [0, 0, 0])
    assert [entry.name for entry in imports.iterdir()] == [row.run_id]
    names = [f"{item.sop_instance_uid}.dcm" for item in row.items]
    place = imports / row.run_id
    assert sorted(entry.name for entry in place.iterdir()) == sorted(["FINISHED", *names])
    assert (place / "FINISHED").read_text().splitlines() == names
    for item in row.items:
        kept = released.node.files.path(item.location).read_bytes()
        assert (place / f"{item.sop_instance_uid}.dcm").read_bytes() == kept


@pytest.mark.hazard("HAZ-17")
def test_no_patient_is_named_by_a_path(released: Any, imports: Path) -> None:
    released.attempt()
    (file, *_) = imports.rglob("*.dcm")
    read = dcmread(file, stop_before_pixels=True)
    assert read.PatientID
    assert str(read.PatientID) not in str(file)


@pytest.mark.hazard("HAZ-11")
def test_a_disk_that_fills_leaves_nothing_to_import_and_the_rest_goes_later(
    released: Any, imports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    def fsync(descriptor: int) -> None:
        written.append(descriptor)
        if len(written) > 2:  # the first file and its folder
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(module.os, "fsync", fsync)
        row = released.attempt()
    assert (row.state, row.reason_code) == (DeliveryState.PENDING, "folder-full")
    assert [item.status for item in row.items] == [0, None, None]
    assert [entry.name for entry in imports.iterdir()] == [f".{row.run_id}.part"]
    assert released.attempt().state == DeliveryState.DELIVERED
    assert len(list((imports / row.run_id).glob("*.dcm"))) == 3


def test_what_was_taken_out_of_an_unfinished_result_is_written_again(
    released: Any, imports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(module.FolderConnection, "finish", _killed)
        with pytest.raises(KeyboardInterrupt):
            released.attempt()
    (lost, *_) = imports.glob(".*.part/*.dcm")
    lost.unlink()
    row = released.attempt()
    assert row.state == DeliveryState.DELIVERED
    assert len(list((imports / row.run_id).glob("*.dcm"))) == 3


def test_killed_before_the_last_record_it_ends_as_delivered(released: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("node.deliver.sender.DeliverySender._conclude", _killed)
        with pytest.raises(KeyboardInterrupt):
            released.attempt()
    assert released.attempt().state == DeliveryState.DELIVERED


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.hazard("HAZ-11")
def test_a_mount_that_is_away_is_waited_for_and_nothing_is_made_in_its_place(released: Any, imports: Path) -> None:
    imports.rmdir()
    row = released.attempt()
    assert (row.state, row.reason_code) == (DeliveryState.PENDING, "folder-not-there")
    assert not imports.exists()
