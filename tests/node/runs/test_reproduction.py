"""An output computed again: the same bytes, or what stands otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from postgresql import BOTH_DATABASES
from sqlalchemy import select

from node.errors import Permanent
from node.runs.reproduction import Reproducer, Reproduction
from node.runs.tables import RunRow
from pipelines.installed import declarations

pytestmark = pytest.mark.hazard("HAZ-09", "HAZ-23")


def computed(rooms, mr_study: Callable) -> list[str]:
    """File a study, compute its run, and return the SOP Instance UIDs of its objects."""
    rooms.file(*mr_study(SeriesDescription="t1"))
    rooms.settle()
    with rooms.node.database.read() as session:
        run_id = session.scalars(select(RunRow)).one().run_id
    rooms.compute(run_id)
    return [one.sop_instance_uid for one in rooms.node.results.kept(run_id).objects]


def reproduced(rooms, uid: str, **parts: object) -> Reproduction:
    given = {
        "database": rooms.node.database,
        "files": rooms.node.files,
        "package": {rooms.model.card.name: rooms.model}.__getitem__,
        "build": lambda name, packages: rooms.pipeline,
        "declarations": declarations(),
        "software_version": "",
    }
    return Reproducer(**{**given, **parts}).reproduce(uid, lambda stage, share: None)


@BOTH_DATABASES
def test_the_same_computation_gives_the_same_bytes_and_keeps_nothing(rooms, mr_study) -> None:
    uids = computed(rooms, mr_study)
    before = sorted(rooms.node.files.locations())
    found = reproduced(rooms, uids[0])
    assert found.identical
    assert [one.sop_instance_uid for one in found.objects] == uids
    assert found.differences == ()
    assert sorted(rooms.node.files.locations()) == before


def test_another_software_version_is_named_and_the_bytes_compared_all_the_same(rooms, mr_study) -> None:
    found = reproduced(rooms, computed(rooms, mr_study)[0], software_version="9.9")
    assert [(one.what, one.now) for one in found.differences] == [("software", "9.9")]
    assert found.objects


def test_another_model_is_named_and_nothing_computed(rooms, mr_study) -> None:
    uids = computed(rooms, mr_study)
    calls = len(rooms.pipeline.identities)
    other = replace(rooms.model, sha256="f" * 64)
    found = reproduced(rooms, uids[0], package={other.card.name: other}.__getitem__)
    (difference,) = found.differences
    assert difference.what == "model generator"
    assert rooms.model.sha256 in difference.then
    assert "f" * 64 in difference.now
    assert (found.objects, found.identical, len(rooms.pipeline.identities)) == ((), False, calls)


def test_another_version_of_the_pipeline_is_named(rooms, mr_study) -> None:
    uids = computed(rooms, mr_study)
    newer = {name: replace(one, version="99") for name, one in declarations().items()}
    assert [one.now for one in reproduced(rooms, uids[0], declarations=newer).differences] == ["99"]
    assert [one.now for one in reproduced(rooms, uids[0], declarations={}).differences] == ["not installed"]


def test_what_differs_is_named_by_attribute_and_never_by_value(rooms, mr_study) -> None:
    uids = computed(rooms, mr_study)

    class Otherwise:
        def run(self, inputs, run, progress):
            outcome = rooms.pipeline.run(inputs, run, progress)
            for one in outcome.objects:
                one.PatientName = "Somebody^Else"
            return outcome

    found = reproduced(rooms, uids[0], build=lambda name, packages: Otherwise())
    assert not found.identical
    assert found.objects[0].attributes == ("PatientName",)
    assert "Somebody" not in str(found)


def test_an_object_of_nobody_is_refused_by_name(rooms) -> None:
    with pytest.raises(Permanent) as caught:
        reproduced(rooms, "1.2.3")
    assert caught.value.reason.code == "output-unknown"
