"""The report of many studies: what it says of each, and with how many questions."""

from __future__ import annotations

from postgresql import BOTH_DATABASES
from sqlalchemy import event

from node.actor import Actor, Role
from node.archive.catalogue import Catalogue
from node.runs.tables import RunRow
from node.status import StatusReport, report

pytestmark = BOTH_DATABASES


def asked(rooms) -> tuple[StatusReport, int]:
    """Return the report and the number of statements that it took."""
    statements: list[str] = []
    engine = rooms.node.database.engine
    with rooms.node.database.read() as session:

        def count(_connection, _cursor, statement: str, *_: object) -> None:
            statements.append(statement)

        event.listen(engine, "before_cursor_execute", count)
        try:
            found = report(session, rooms.node.results, rooms.node.layout.run)
        finally:
            event.remove(engine, "before_cursor_execute", count)
    return found, len(statements)


def released(rooms, mr_study, slices: int) -> str:
    """Return a study whose result was released."""
    images = mr_study(slices)
    rooms.file(*images)
    rooms.settle()
    study_uid = str(images[0].StudyInstanceUID)
    with rooms.node.database.read() as session:
        run_id = session.query(RunRow).filter_by(study_uid=study_uid).one().run_id
    rooms.compute(run_id)
    rooms.node.release_service.release(run_id, Actor.person("physicist", Role), "looked at")
    return study_uid


def test_each_study_has_what_is_its_own(rooms, mr_study) -> None:
    rooms.pipeline.slices = 2
    sizes = {released(rooms, mr_study, slices): slices for slices in (3, 4)}
    waiting = mr_study(5)
    rooms.file(*waiting)
    found, _ = asked(rooms)
    latest, *rest = found.studies
    assert (latest.study_uid, latest.instances, latest.runs) == (str(waiting[0].StudyInstanceUID), 5, ())
    assert latest.decision is None
    for study in rest:
        (run,) = study.runs
        # The two objects of the result are in the archive too.
        assert study.instances == sizes[study.study_uid] + 2
        assert study.decision is not None
        assert [(output.instances, len(run.objects)) for output in run.outputs] == [(2, 2)]
        assert [(d.destination, d.sent, d.total) for d in run.deliveries] == [("research", 0, 2)]
        assert run.deliveries[0].state


def test_more_studies_need_no_more_questions(rooms, mr_study) -> None:
    released(rooms, mr_study, 3)
    _, few = asked(rooms)
    for _ in range(3):
        released(rooms, mr_study, 3)
    found, many = asked(rooms)
    assert len(found.studies) == 4
    assert many == few
    assert many < 12


def test_what_is_set_apart_is_told_of_its_study(rooms, mr_study) -> None:
    images, others = mr_study(2), mr_study(2)
    rooms.file(*images, *others)
    images[0].SeriesDescription = "another"
    rooms.file(images[0])
    found, _ = asked(rooms)
    told = {study.study_uid: [q.code for q in study.quarantined] for study in found.studies}
    first, second = str(images[0].StudyInstanceUID), str(others[0].StudyInstanceUID)
    assert told == {first: ["conflicting-instance"], second: []}
    with rooms.node.database.read() as session:
        assert len(Catalogue(session).quarantined(first)) == 1
