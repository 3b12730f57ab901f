"""Replays: past studies decided anew by two rule sets, on both databases, without a change of anything."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from postgresql import BOTH_DATABASES
from pydicom import Dataset
from sqlalchemy import insert

from node.archive.tables import InstanceRow, PatientRow, QuarantineRow, SeriesRow, StudyRow
from node.routing.facts import past_studies, study_facts
from node.routing.replay import replay_rules
from node.rules.reading import read_written

pytestmark = BOTH_DATABASES


def test_past_studies_are_those_that_the_router_would_see(rooms, mr_study: Callable[..., list[Dataset]]) -> None:
    old, new, apart = mr_study(3), mr_study(4), mr_study(2)
    rooms.file(*old)
    rooms.clock.advance(2 * 86400)
    rooms.file(*new, *apart)
    database, settings, now = rooms.node.database, rooms.node.settings, rooms.clock.now()
    with database.write() as session:
        row = dict.fromkeys(
            (column.key for column in QuarantineRow.__table__.columns if column.key not in ("id", "settled_at")), ""
        )
        row |= {"study_uid": str(apart[0].StudyInstanceUID), "size": 0, "received_at": now, "origin": "received"}
        session.execute(insert(QuarantineRow).values({**row, "reason_parameters": {}, "settled_by": None}))
    found = list(past_studies(database, settings, now - timedelta(days=1)))
    assert [one.study_uid for one in found] == [new[0].StudyInstanceUID]
    assert [one.instance_count for one in found[0].series] == [4]
    with database.read() as session:
        assert study_facts(session, session.get_one(StudyRow, found[0].study_uid), settings) == found[0]
    both = list(past_studies(database, settings, now - timedelta(days=3)))
    assert [one.study_uid for one in both] == [new[0].StudyInstanceUID, old[0].StudyInstanceUID]


def test_many_studies_are_replayed_quickly(rooms) -> None:
    now, database = rooms.clock.now(), rooms.node.database
    header = {"Modality": "MR", "ImageType": ["ORIGINAL", "PRIMARY", "M"], "SOPClassUID": "1.2.840.10008.5.1.4.1.1.4"}
    common = {"calling_ae": "A", "called_ae": "B", "correlation_id": "0" * 32, "state": "unrouted", "revision": 1}
    kept = {"sop_class_uid": "1.2", "transfer_syntax_uid": "1.2", "sha256": "0", "size": 1, "location": "x"}
    with database.write() as session:
        patient = PatientRow(patient_id="P")
        session.add(patient)
        session.flush()
        uids = [f"1.2.{number}" for number in range(200)]
        times = {"first_received_at": now, "last_instance_at": now}
        session.execute(
            insert(StudyRow), [{**common, **times, "study_uid": uid, "patient_key": patient.id} for uid in uids]
        )
        series = [f"{uid}.{number}" for uid in uids for number in range(2)]
        session.execute(
            insert(SeriesRow),
            [
                {"series_uid": one, "study_uid": one.rpartition(".")[0], "modality": "MR", "origin": "received"}
                | {"attributes": {**header, "SeriesDescription": "t1"}}
                for one in series
            ],
        )
        session.execute(
            insert(InstanceRow),
            [
                {**kept, "series_uid": one, "sop_instance_uid": f"{one}.{number}", "received_at": now}
                | {"origin": "received", "differing": {"InstanceNumber": number}}
                for one in series
                for number in range(3)
            ],
        )
    rules = rooms.node.active_rules.read().ruleset
    other = rooms.rules.replace('Modality == "MR"', "instance_count > 500")
    draft = read_written("draft", other.encode()).settled(rooms.node.known_to_rules())
    began = time.process_time()
    found = replay_rules(database, rooms.node.settings, now - timedelta(days=1), rules, draft)
    assert time.process_time() - began < 5
    assert (found.studies, found.taken_by_active, found.taken_by_draft, len(found.changes)) == (200, 200, 0, 200)
