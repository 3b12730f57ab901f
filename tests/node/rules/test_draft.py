"""A rule from an example fires for it, names no patient, and misses what stable attributes tell apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.errors import Refusal
from node.rules import RuleSet, SeriesFacts, StudyFacts, decide
from node.rules.draft import Draft, draft_rule
from node.rules.reading import read_written
from node.rules.settle import Known
from pipelines.contract import Declaration
from pipelines.synthetic_ct_head.declaration import DECLARATION

StudyOf = Callable[..., StudyFacts]


@pytest.fixture
def known(rule_pipelines: dict[str, Declaration]) -> Known:
    return Known(rule_pipelines)


def study(uid: str, *series: SeriesFacts) -> StudyFacts:
    return StudyFacts(uid, "SCANNER", "SYNTHNODE", series)


def drafted(example: StudyFacts, others: list[StudyFacts], known: Known, **series: str) -> tuple[Draft, RuleSet]:
    made = draft_rule(example, others, DECLARATION, known, "drafted", series)
    return made, read_written("draft", made.content.encode()).settled(known)


def test_a_draft_tells_its_example_from_the_others(known: Known, mprage: dict[str, Any]) -> None:
    t2 = {**mprage, "ScanningSequence": "SE", "EchoTime": 95.0, "RepetitionTime": 5000.0, "InversionTime": None}
    post = {**mprage, "ContrastBolusAgent": "Gadovist"}
    others = [study("2", SeriesFacts("2.1", t2, 100)), study("3", SeriesFacts("3.1", post, 192))]
    others.append(study("4", SeriesFacts("4.1", mprage, 176)))
    made, rules = drafted(study("1", SeriesFacts("1.1", mprage, 192)), others, known)
    assert made.compared == 3
    assert made.also_fires_for == ("4",)
    assert "!has_contrast_agent" in made.slots[0].where
    assert [bool(decide(rules, other).firings) for other in others] == [False, False, True]


@pytest.mark.hazard("HAZ-17")
def test_what_somebody_typed_for_one_patient_is_in_no_draft(known: Known, mprage: dict[str, Any]) -> None:
    named = {**mprage, "SeriesDescription": "T1 MEIER 19530412 anna", "StudyDate": "20260101", "PatientAge": "070Y"}
    sibling = {**mprage, "SeriesDescription": "T1 MEIER KURT"}
    others = [study("2", SeriesFacts("2.1", mprage, 192)), study("3", SeriesFacts("3.1", mprage, 192))]
    example = study("1", SeriesFacts("1.1", named, 192), SeriesFacts("1.2", sibling, 190))
    made, _ = drafted(example, others, known, t1="1.1")
    for secret in ("MEIER", "19530412", "ANNA", "KURT", "1.1", "20260101", "070Y"):
        assert secret not in made.content
    assert made.alike == ("t1: 1.2",)


def test_which_series_is_meant_is_asked_and_not_guessed(known: Known, mprage: dict[str, Any]) -> None:
    two = study("1", SeriesFacts("1.1", mprage, 192), SeriesFacts("1.2", mprage, 192))
    with pytest.raises(Refusal) as several:
        drafted(two, [], known)
    assert several.value.reason.code == "draft-series-several"
    assert "1.1 (SAG MPRAGE, 192 instances)" in str(several.value.reason.parameters["found"])
    with pytest.raises(Refusal) as none:
        drafted(study("1", SeriesFacts("1.1", {**mprage, "Modality": "CT"}, 192)), [], known)
    assert none.value.reason.code == "draft-series-none"
    assert 'Modality == "MR" is false' in str(none.value.reason.parameters["found"])
    with pytest.raises(Refusal) as unknown:
        drafted(two, [], known, t2="1.1")
    assert unknown.value.reason.code == "draft-slot-unknown"
    with pytest.raises(Refusal) as unfit:
        drafted(two, [], known, t1="1.3")
    assert (unfit.value.reason.code, unfit.value.reason.parameters["known"]) == ("draft-series-unfit", "1.1, 1.2")
    with pytest.raises(Refusal) as unnamed:
        draft_rule(two, [], DECLARATION, known, "a name", {})
    assert unnamed.value.reason.code == "draft-name-invalid"


headers = st.fixed_dictionaries(
    {"ImageType": st.sampled_from([["ORIGINAL", "PRIMARY", "M"], ["ORIGINAL", "PRIMARY", 'A"B\\'], ["ORIGINAL"]])},
    optional={
        "BodyPartExamined": st.sampled_from(["HEAD", "KNEE", "?", ""]),
        "SeriesDescription": st.text(max_size=20) | st.sampled_from(["t1 mprage", "T2 'x' \"y\"", "localizer"]),
        "ScanningSequence": st.sampled_from([["GR", "IR"], "SE", "RM"]),
        "EchoTime": st.sampled_from([2.5, 95.0, "x"]),
        "RepetitionTime": st.sampled_from([500.0, 5000.0]),
        "MRAcquisitionType": st.sampled_from(["2D", "3D", "4D"]),
        "Manufacturer": st.text(max_size=10) | st.sampled_from(["SIEMENS", "Esaote"]),
        "ContrastBolusAgent": st.sampled_from(["Gd", ""]),
        "ImageOrientationPatient": st.sampled_from([[1.0, 0, 0, 0, 1.0, 0], [1.0, 0, 0, 0, 0, -1.0], [0.0] * 6]),
    },
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(example=headers, others=st.lists(headers, max_size=4))
def test_every_draft_fires_for_its_example_and_passes_the_check(
    known: Known, example: dict[str, Any], others: list[dict[str, Any]]
) -> None:
    def one(uid: str, header: dict[str, Any]) -> StudyFacts:
        return study(uid, SeriesFacts(f"{uid}.1", {"Modality": "MR", **header}, 20))

    made, rules = drafted(one("1", example), [one(f"2.{n}", header) for n, header in enumerate(others)], known)
    assert decide(rules, one("1", example)).firings
    for number, header in enumerate(others):
        fires = bool(decide(rules, one(f"2.{number}", header)).firings)
        assert fires is (f"2.{number}" in made.also_fires_for)
    assert len(yaml.safe_load(made.content)["rules"]) == 1
