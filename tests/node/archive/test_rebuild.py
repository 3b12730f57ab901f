"""The catalogue lost and made again from the files; the files looked at byte for byte; our own objects entered."""

from __future__ import annotations

import io
import json
import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import CTImageStorage, ImplicitVRLittleEndian
from small_dicom import ROOT, SERIES, STUDY, ct, file_of, marked_own, structures
from sqlalchemy import select

from node.actor import Actor, Role
from node.archive.archive import Archive
from node.archive.catalogue import Catalogue, own_arrival, register_own
from node.archive.ingest import Ingest
from node.archive.rebuild import Rebuilt, rebuild
from node.archive.tables import InstanceRow, QuarantineRow, SeriesRow, StudyRow
from node.archive.verify import verify
from node.audit import AuditTrail
from node.database import Base, Database
from node.errors import Permanent, Refusal

Bench = Any
OWN = f"{ROOT}.1.5"
BY = Actor.person("admin", Role)
NEVER = datetime(9999, 1, 1, tzinfo=UTC)


@pytest.fixture
def filled(bench: Bench) -> Bench:
    """A bench with a study, a conflict, a cut instance, objects of our own, and a second study."""
    other = f"{ROOT}.2"
    bench.receive(ct(1), ct(2), ct(1, SeriesDescription="another"), ct(3, PatientID="P-2"))
    bench.receive_bytes(b"this is no DICOM", f"{SERIES}.9", CTImageStorage)
    bench.receive(ct(1, study=other, series=f"{other}.1"), sender=bench.sender("a2", calling="SECOND"))
    bench.receive(marked_own(ct(1, series=OWN)), structures(images=[f"{OWN}.1"]))
    bench.take_in()
    return bench


def content(database: Database) -> dict[str, list[Any]]:
    """Return what a rebuild must find again, table by table."""

    def rows(table: type[Base], *columns: str) -> list[Any]:
        with database.read() as session:
            return sorted(tuple(getattr(row, c) for c in columns) for row in session.scalars(select(table)))

    return {
        "studies": rows(StudyRow, "study_uid", "revision", "first_received_at", "last_instance_at", "calling_ae"),
        "series": rows(SeriesRow, "series_uid", "study_uid", "modality", "origin"),
        "instances": rows(InstanceRow, "sop_instance_uid", "sha256", "size", "location", "origin", "received_at"),
        "quarantine": rows(QuarantineRow, "sop_instance_uid", "sha256", "reason_code", "study_uid"),
    }


def lost(bench: Bench, new_database: Any) -> tuple[Database, AuditTrail]:
    bench.database.close()
    bench.database, bench.trail = new_database(bench.root)
    return bench.database, bench.trail


@pytest.mark.hazard("HAZ-01")
def test_the_same_catalogue_comes_back_and_nothing_runs(filled: Bench, new_node_database: Any) -> None:
    before = content(filled.database)
    database, trail = lost(filled, new_node_database)
    found = rebuild(filled.root / "journal", filled.files, trail, BY)
    assert content(database) == before
    assert found == Rebuilt(studies=2, filed=3, own=2, duplicates=0, quarantined=3, missing=0)
    states = {(row.state, row.reason_code) for row in filled.rows(StudyRow)}
    assert states == {("rebuilt", "catalogue-rebuilt")}
    with database.read() as session:
        assert Catalogue(session).studies_to_settle(filled.clock.now() + timedelta(days=9), NEVER) == []
    (row,) = filled.audit("archive-rebuilt")
    assert json.loads(row.details)["quarantined"] == 3
    assert row.actor_name == "admin"


def test_journals_count_as_read_and_what_comes_later_is_taken(filled: Bench, new_node_database: Any) -> None:
    filled.receive(ct(7))
    database, trail = lost(filled, new_node_database)
    rebuild(filled.root / "journal", filled.files, trail, BY)
    again = Ingest(filled.root / "journal", filled.files, database, trail)
    assert again.step() == 0
    filled.receive(ct(8))
    assert again.step() == 1
    (study,) = filled.rows(StudyRow, study_uid=STUDY)
    assert (study.state, study.revision) == ("receiving", 2)


def test_without_journals_the_files_times_decide(filled: Bench, new_node_database: Any) -> None:
    before, later = content(filled.database), time.time() + 60
    for row in filled.rows(QuarantineRow):
        # Written within one tick of the file system's clock, two files may bear the same time.
        os.utime(filled.files.path(row.location), (later, later))
    shutil.rmtree(filled.root / "journal")
    database, trail = lost(filled, new_node_database)
    rebuild(filled.root / "journal", filled.files, trail, BY)
    after = content(database)
    assert [row[:5] for row in after["instances"]] == [row[:5] for row in before["instances"]]
    assert [row[1:3] for row in after["quarantine"]] != []
    assert {row[2] for row in after["quarantine"]} == {row[2] for row in before["quarantine"]}


def test_a_damaged_file_is_set_apart_and_not_believed(filled: Bench, new_node_database: Any) -> None:
    (row,) = filled.rows(InstanceRow, sop_instance_uid=f"{SERIES}.2")
    path = filled.files.path(row.location)
    whole = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    _, trail = lost(filled, new_node_database)
    rebuild(filled.root / "journal", filled.files, trail, BY)
    (apart,) = filled.rows(QuarantineRow, sop_instance_uid=f"{SERIES}.2")
    assert (apart.reason_code, apart.study_uid) == ("file-damaged", STUDY)


def test_a_catalogue_that_has_studies_is_left_alone(filled: Bench) -> None:
    before = content(filled.database)
    with pytest.raises(Refusal, match="catalogue-not-empty"):
        rebuild(filled.root / "journal", filled.files, filled.trail, BY)
    assert content(filled.database) == before


@pytest.mark.hazard("HAZ-01")
def test_verify_names_what_is_damaged_missing_and_foreign(filled: Bench) -> None:
    sound = verify(filled.files, filled.root / "journal", filled.database)
    assert sound.sound
    assert (sound.checked, sound.damaged, sound.missing, sound.unlisted, sound.foreign) == (8, (), (), (), ())
    first, second = (row.location for row in filled.rows(InstanceRow)[:2])
    damaged = filled.files.path(first)
    damaged.chmod(0o600)
    damaged.write_bytes(damaged.read_bytes()[:-1])
    filled.files.path(second).unlink()
    stranger = filled.root / "archive" / "notes.txt"
    stranger.write_text("not ours")
    nested = damaged.parent / "x.dcm"
    nested.write_text("not ours either")
    unlisted = filled.files.keep(io.BytesIO(file_of(ct(77))))
    found = verify(filled.files, filled.root / "journal", filled.database)
    assert not found.sound
    assert found.damaged == (first,)
    assert found.missing == (second,)
    assert found.unlisted == (unlisted.location,)
    assert set(found.foreign) == {str(stranger), str(nested)}


@pytest.mark.hazard("HAZ-01")
def test_what_was_acknowledged_and_is_gone_is_named_before_and_after_a_rebuild(
    filled: Bench, new_node_database: Any
) -> None:
    filled.receive(ct(55))  # acknowledged, and not yet taken in
    gone = filled.files.path(next(iter(filled.files.locations())))
    gone.unlink()
    (late,) = (set(filled.files.locations()) | {f"{gone.parent.name}/{gone.name}"}) - {
        row.location for table in (InstanceRow, QuarantineRow) for row in filled.rows(table)
    }
    filled.files.path(late).unlink(missing_ok=True)
    missing = verify(filled.files, filled.root / "journal", filled.database).missing
    assert late in missing
    _database, trail = lost(filled, new_node_database)
    found = rebuild(filled.root / "journal", filled.files, trail, BY)
    assert found.missing == len(missing)
    named = {row.location for row in filled.rows(QuarantineRow, reason_code="instance-file-missing")}
    assert named == set(missing)


@pytest.mark.hazard("HAZ-24")
def test_an_empty_file_stops_no_rebuild(filled: Bench, new_node_database: Any) -> None:
    emptied = filled.files.path(next(row.location for row in filled.rows(InstanceRow)))
    emptied.chmod(0o600)
    emptied.write_bytes(b"")
    _database, trail = lost(filled, new_node_database)
    rebuild(filled.root / "journal", filled.files, trail, BY)
    assert filled.rows(QuarantineRow, location=f"{emptied.parent.name}/{emptied.name}")


def test_the_archive_opens_by_uid(filled: Bench) -> None:
    archive = Archive(filled.files, filled.database)
    with archive.open(f"{SERIES}.2") as stream:
        assert stream.read() == archive.path(f"{SERIES}.2").read_bytes()
    with pytest.raises(Permanent, match="instance-unknown"):
        archive.path("../../etc/passwd")
    archive.path(f"{SERIES}.2").unlink()
    with pytest.raises(Permanent, match="file-missing"):
        archive.open(f"{SERIES}.2")


class TestEnteringOurOwn:
    """What the node made is in the catalogue before it leaves, so it is known when it comes back."""

    def enter(self, bench: Bench, ds: Any) -> str:
        kept = bench.files.keep(io.BytesIO(file_of(ds)))
        with bench.database.write() as session:
            arrival = own_arrival(bench.files, kept.location, kept.sha256, bench.clock.now())
            register_own(session, bench.files, [arrival], "c" * 32)
        return str(kept.location)

    def test_it_changes_nothing_of_its_study(self, bench: Bench) -> None:
        bench.receive(ct(1))
        bench.take_in()
        before = (bench.study().state, bench.study().revision, bench.study().last_instance_at)
        location = self.enter(bench, marked_own(ct(1, series=OWN)))
        assert self.enter(bench, marked_own(ct(1, series=OWN))) == location
        study = bench.study()
        assert (study.state, study.revision, study.last_instance_at) == before
        assert study.correlation_id != "c" * 32
        assert {row.origin for row in bench.rows(InstanceRow, series_uid=OWN)} == {"own"}

    def test_coming_back_it_is_known(self, bench: Bench) -> None:
        self.enter(bench, marked_own(ct(1, series=OWN)))
        bench.receive(marked_own(ct(1, series=OWN)))
        bench.receive(marked_own(ct(1, series=OWN)), syntax=ImplicitVRLittleEndian)
        bench.close()
        bench.take_in()
        assert len(bench.instances()) == 1
        assert bench.quarantine() == []
        (row,) = bench.audit("own-objects-returned")
        assert json.loads(row.details)["instances"] == 2
        assert bench.study().correlation_id == "c" * 32

    def test_what_is_not_ours_is_not_entered(self, bench: Bench) -> None:
        with pytest.raises(Permanent, match="own-object-not-filed"):
            self.enter(bench, ct(1))
        assert bench.instances() == []

    def test_what_conflicts_is_not_entered(self, bench: Bench) -> None:
        self.enter(bench, marked_own(ct(1, series=OWN)))
        with pytest.raises(Permanent, match="own-object-not-filed"):
            self.enter(bench, marked_own(ct(1, series=OWN, SeriesDescription="another")))
        assert len(bench.instances()) == 1
        assert bench.quarantine() == []


def test_a_rebuild_of_nothing_is_nothing(bench: Bench, tmp_path: Path) -> None:
    assert rebuild(tmp_path / "journal", bench.files, bench.trail, BY) == Rebuilt(0, 0, 0, 0, 0, 0)
