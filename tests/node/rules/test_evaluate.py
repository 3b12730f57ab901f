"""Decisions: which series, why, and what stood in the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.datadict import keyword_dict

from node.rules import RuleSet, SeriesFacts, StudyFacts, decide
from node.rules.conditions import Ternary
from node.rules.explained import answers
from node.rules.explanation import explain

StudyOf = Callable[..., StudyFacts]
LoadText = Callable[[str], RuleSet]


def test_a_head_mprage_fires_the_shipped_rule(
    shipped_rules: RuleSet, study_of: StudyOf, mprage: dict[str, Any]
) -> None:
    decision = decide(shipped_rules, study_of(SeriesFacts("1.1", mprage, 192)))
    (firing,) = decision.firings
    assert (firing.pipeline, firing.slots, firing.destinations) == ("synthetic-ct-head", {"t1": "1.1"}, ("lab",))
    assert decision.nearest_miss == ""
    (slot,) = decision.rules[0].slots
    assert slot.chosen_by == "only"
    assert {judged.verdict for judged in slot.series[0].where} == {Ternary.TRUE}


@pytest.mark.parametrize(
    ("change", "condition"),
    [
        ({"ImageType": ["DERIVED", "SECONDARY", "M"]}, "!is_derived"),
        ({"SyntheticData": "YES"}, "!is_derived"),
        ({"ImageType": None}, "!is_derived"),
        ({"Modality": "CT"}, 'Modality == "MR"'),
        ({"BodyPartExamined": "PROSTATE"}, 'body_part == "HEAD"'),
        ({"ScanningSequence": "SE", "EchoTime": 100.0, "InversionTime": None}, 'weighting == "T1"'),
        ({"MRAcquisitionType": "2D"}, 'MRAcquisitionType == "3D"'),
        ({"SeriesDescription": "localizer"}, "!is_localizer"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "P"]}, '!("P" in ImageType)'),
    ],
)
def test_each_condition_of_the_shipped_rule_can_stand_in_the_way(
    shipped_rules: RuleSet, study_of: StudyOf, mprage: dict[str, Any], change: dict[str, Any], condition: str
) -> None:
    decision = decide(shipped_rules, study_of(SeriesFacts("1.1", {**mprage, **change}, 192)))
    assert not decision.firings
    assert condition in decision.nearest_miss
    unmet = decision.rules[0].slots[0].series[0].unmet
    assert condition in {judgement.condition for judgement in unmet}


@pytest.mark.hazard("HAZ-08")
def test_too_few_slices_fill_no_slot(shipped_rules: RuleSet, study_of: StudyOf, mprage: dict[str, Any]) -> None:
    decision = decide(shipped_rules, study_of(SeriesFacts("1.1", mprage, 20)))
    assert "instance_count >= 40 is false (instance_count is 20)" in decision.nearest_miss


@pytest.mark.hazard("HAZ-13")
def test_own_objects_fill_no_slot(shipped_rules: RuleSet, study_of: StudyOf, mprage: dict[str, Any]) -> None:
    decision = decide(shipped_rules, study_of(SeriesFacts("1.1", mprage, 192, own=True)))
    assert not decision.firings
    assert "made by this node" in decision.nearest_miss


def test_a_study_without_series_is_answered(shipped_rules: RuleSet, study_of: StudyOf) -> None:
    decision = decide(shipped_rules, study_of())
    assert not decision.firings
    assert "no series" in decision.nearest_miss


def test_of_several_the_preferred_then_the_larger_then_the_lower_uid(
    shipped_rules: RuleSet, study_of: StudyOf, mprage: dict[str, Any]
) -> None:
    corrected = {**mprage, "ImageType": ["ORIGINAL", "PRIMARY", "M", "DIS3D"]}
    small, large, other = (SeriesFacts(uid, mprage, n) for uid, n in (("1.1", 100), ("1.2", 192), ("1.3", 192)))
    preferred = SeriesFacts("1.9", corrected, 60)

    def chosen(*series: SeriesFacts) -> tuple[str | None, str, list[str]]:
        decision = decide(shipped_rules, study_of(*series))
        slot = decision.rules[0].slots[0]
        return slot.chosen, slot.chosen_by, [one.series_uid for one in slot.fitting[1:]]

    assert chosen(small, large, other, preferred) == ("1.9", "preference", ["1.2", "1.3", "1.1"])
    assert chosen(other, small) == ("1.3", "instances", ["1.1"])
    assert chosen(other, large) == ("1.2", "uid", ["1.3"])
    assert chosen(large, other) == ("1.2", "uid", ["1.3"])


def test_a_rule_that_orders_the_same_computation_adds_its_destinations_and_its_urgency(
    load_rules_text: LoadText, study_of: StudyOf, mprage: dict[str, Any]
) -> None:
    rule = """
  - name: {name}
    when: [{when}]
    pipeline: synthetic-ct-head
    slots: {{t1: {{where: ['Modality == "MR"']}}}}
    destinations: [{to}]
    priority: {priority}
"""
    text = "schema: 1\nrules:" + "".join(
        rule.format(name=name, when=when, to=to, priority=priority)
        for name, when, to, priority in (
            ("first", "calling_ae == 'SCANNER'", "lab", "ROUTINE"),
            ("again", "series_count == 1", "pacs, lab", "STAT"),
            ("else", "called_ae == 'X'", "lab", "URGENT"),
        )
    )
    decision = decide(load_rules_text(text), study_of(SeriesFacts("1.1", mprage, 192)))
    (firing,) = decision.firings
    assert (firing.rule, firing.destinations, firing.priority) == ("first", ("lab", "pacs"), "STAT")
    assert [rule.repeats for rule in decision.rules] == [None, "first", None]
    assert decision.nearest_miss == "rule else: called_ae == 'X' is false (called_ae is 'SYNTHNODE')"


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["MR", "GR", "IR", "1e400", "\ud800", "2.5", "-"]),
    lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
asked_about = [
    *("ImageType", "Modality", "SyntheticData", "BodyPartExamined", "ScanningSequence", "SequenceVariant", "EchoTime"),
    *("RepetitionTime", "InversionTime", "FlipAngle", "AngioFlag", "ImageOrientationPatient", "MRAcquisitionType"),
    *("SeriesDescription", "ProtocolName", "StudyDescription"),
]
keywords = st.sampled_from(asked_about) | st.sampled_from(sorted(keyword_dict)) | st.text(max_size=6)


@pytest.mark.hazard("HAZ-24")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    headers=st.lists(st.dictionaries(keywords, values, max_size=14), max_size=3),
    counts=st.integers(min_value=0, max_value=500),
    own=st.booleans(),
)
def test_no_header_stops_a_decision_and_every_decision_is_json(
    shipped_rules: RuleSet, headers: list[dict[str, Any]], counts: int, own: bool
) -> None:
    series = tuple(SeriesFacts(f"1.{i}", header, counts, own) for i, header in enumerate(headers))
    study = StudyFacts("1.2", "A", "B", series)
    decision = decide(shipped_rules, study)
    kept = json.loads(json.dumps(explain(decision), allow_nan=False))
    assert kept["schema"] == 2
    assert explain(decide(shipped_rules, study)) == explain(decision)
    for rule, verdict in zip(kept["rules"], decision.rules, strict=True):
        for slot, filled in zip(rule["slots"], verdict.slots, strict=True):
            for one, series_verdict in zip(slot["series"], filled.series, strict=True):
                read = list(answers(kept, one["subject"], slot["where"]))
                assert [a.verdict for a in read] == [j.verdict.value for j in series_verdict.where]
                assert [a.missing for a in read] == [j.missing for j in series_verdict.where]
                assert all(isinstance(a.describe_seen(), str) for a in read)
    for firing in decision.firings:
        assert firing.slots["t1"] in {one.series_uid for one in series}
    for judgement in (j for rule in decision.rules for slot in rule.slots for one in slot.series for j in one.where):
        assert not (judgement.verdict is Ternary.TRUE and own and decision.firings)


@pytest.mark.data
@pytest.mark.parametrize(
    ("folder", "fires"),
    [
        ("mr-head-dicom", True),
        ("mr-prostate-dicom/case0000-t2-axial", False),
        ("mr-prostate-dicom/case0000-adc", False),
        ("ct-head-phantom-dicom/no-tilt-5mm", False),
    ],
)
def test_real_series(shipped_rules: RuleSet, study_of: StudyOf, real_data: Path, folder: str, fires: bool) -> None:
    files = sorted(file for file in (real_data / folder).iterdir() if file.is_file())
    dataset = pydicom.dcmread(files[len(files) // 2], stop_before_pixels=True)
    header = {
        element.keyword: list(element.value) if element.VM > 1 else element.value
        for element in dataset
        if element.keyword and element.VR not in ("SQ", "PN", "OB", "OW")
    }
    decision = decide(shipped_rules, study_of(SeriesFacts(dataset.SeriesInstanceUID, header, len(files))))
    assert bool(decision.firings) is fires
    assert bool(decision.nearest_miss) is not fires
