"""A decision hangs on all headers of a series, and on no order in which they came."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from enhanced import enhanced_mr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import MRImageStorage, MultiFrameGrayscaleWordSecondaryCaptureImageStorage

import node.rules
from models.volumes import Grid, Volume
from node.archive.attributes import attributes, differing
from node.rules import RuleSet, SeriesFacts, StudyFacts, decide
from node.rules.explanation import explain
from pipelines.contract import Declaration
from pipelines.headers.volumes import VolumeChoice
from pipelines.phantoms.series import mr_series
from pipelines.synthetic_ct_head.declaration import DECLARATION

SHIPPED = Path(node.rules.__file__).parent / "shipped" / "head.yaml"
StudyOf = Callable[..., StudyFacts]
Headers = list[dict[str, Any]]


def facts_of(headers: Headers) -> SeriesFacts:
    """The facts of a series whose headers came in this order, as the catalogue keeps them."""
    return SeriesFacts.of("1.1", headers[0], [differing(headers[0], header) for header in headers], own=False)


def sagittal(mprage: dict[str, Any], count: int = 60) -> Headers:
    return [
        {**mprage, "SOPClassUID": MRImageStorage, "SOPInstanceUID": f"1.1.{index}", "InstanceNumber": index}
        for index in range(count)
    ]


def localizer(mprage: dict[str, Any]) -> dict[str, Any]:
    changes = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "MRAcquisitionType": "2D", "EchoTime": 5.0}
    return {**mprage, **changes, "SOPInstanceUID": "1.1.900", "ImageOrientationPatient": [1.0, 0, 0, 0, 1.0, 0]}


@pytest.mark.hazard("HAZ-11")
@pytest.mark.parametrize("which", [0, 30, 59])
def test_one_header_without_an_attribute_hides_it_from_nobody(
    shipped_rules: RuleSet, study_of: StudyOf, mprage: dict[str, Any], which: int
) -> None:
    headers = sagittal(mprage)
    del headers[which]["BodyPartExamined"], headers[which]["MRAcquisitionType"]
    decision = decide(shipped_rules, study_of(facts_of(headers)))
    assert [firing.rule for firing in decision.firings] == ["head-t1-to-synthetic-ct"]
    (series,) = decision.rules[0].slots[0].series
    notes = {note for judged in series.where for note in judged.notes}
    assert {"1 of 60 lacks BodyPartExamined", "1 of 60 lacks MRAcquisitionType"} <= notes


@pytest.mark.parametrize("at", [0, 30, 60])
def test_a_localizer_in_the_series_decides_nothing_wherever_it_came(
    shipped_rules: RuleSet, study_of: StudyOf, mprage: dict[str, Any], at: int
) -> None:
    headers = sagittal(mprage)
    headers.insert(at, localizer(mprage))
    decision = decide(shipped_rules, study_of(facts_of(headers)))
    assert decision.firings
    (series,) = decision.rules[0].slots[0].series
    assert (series.about.instance_count, series.about.set_aside) == (60, "1 of 61 is a localizer")


@pytest.mark.hazard("HAZ-07")
def test_what_the_instances_do_not_agree_in_is_missing_and_said(
    shipped_rules: RuleSet, study_of: StudyOf, mprage: dict[str, Any]
) -> None:
    headers = sagittal(mprage)
    for header in headers[1::2]:
        header["EchoTime"] = 95.0
    decision = decide(shipped_rules, study_of(facts_of(headers)))
    assert not decision.firings
    assert "EchoTime 2.5 in 30, 95 in 30" in decision.nearest_miss


def test_a_multi_frame_object_that_nothing_reads_is_said_to_be_one(
    shipped_rules: RuleSet, study_of: StudyOf, mprage: dict[str, Any]
) -> None:
    captured = {**mprage, "SOPClassUID": MultiFrameGrayscaleWordSecondaryCaptureImageStorage, "NumberOfFrames": 192}
    decision = decide(shipped_rules, study_of(facts_of([captured])))
    assert not decision.firings
    assert "has_readable_frames is false" in decision.nearest_miss
    assert "Multi-frame Grayscale Word Secondary Capture Image Storage, 192 frames" in decision.nearest_miss


def enhanced_phantom(**second_half: Any) -> dict[str, Any]:
    """What the archive keeps of an enhanced head MR of 60 frames, of which the last 30 say something else."""
    grid = Grid(size=(4, 4, 60), spacing=(1.0, 1.0, 1.0), origin=(0.0, 0.0, 0.0))
    images = mr_series(Volume(np.ones(grid.shape, np.float32), grid), seed=1)
    for image in images[30:]:
        for keyword, value in second_half.items():
            setattr(image, keyword, value)
    return attributes(enhanced_mr(images))


def test_an_enhanced_object_is_routed_by_what_its_frames_say(shipped_rules: RuleSet, study_of: StudyOf) -> None:
    decision = decide(shipped_rules, study_of(facts_of([enhanced_phantom()])))
    assert [firing.rule for firing in decision.firings] == ["head-t1-to-synthetic-ct"]
    (series,) = decision.rules[0].slots[0].series
    assert series.about.instance_count == 60


@pytest.mark.hazard("HAZ-07")
def test_frames_of_two_echoes_decide_nothing_and_are_counted(shipped_rules: RuleSet, study_of: StudyOf) -> None:
    kept = enhanced_phantom(EchoTime="95")
    assert len(kept["PerFrameFunctionalGroupsSequence"]) == 2
    decision = decide(shipped_rules, study_of(facts_of([kept])))
    assert not decision.firings
    assert "EchoTime 3 in 30, 95 in 30" in decision.nearest_miss


@pytest.mark.parametrize(
    ("derived", "synthetic", "fires"), [(False, "", False), (True, "", True), (True, "YES", False)]
)
def test_only_a_slot_for_maps_takes_what_was_computed_from_images_and_none_takes_synthetic_ones(
    load_rules_text: Callable[[str], RuleSet],
    rule_pipelines: dict[str, Declaration],
    study_of: StudyOf,
    mprage: dict[str, Any],
    derived: bool,
    synthetic: str,
    fires: bool,
) -> None:
    (slot,) = DECLARATION.slots
    rule_pipelines[DECLARATION.name] = replace(DECLARATION, slots=(replace(slot, derived=derived),))
    rules = load_rules_text(SHIPPED.read_text(encoding="utf-8"))
    header = {**mprage, "ImageType": ["DERIVED", "SECONDARY", "CBF"], "SyntheticData": synthetic or None}
    assert bool(decide(rules, study_of(facts_of(sagittal(header)))).firings) is fires


def taking(rules: RuleSet, volume: VolumeChoice) -> RuleSet:
    """The rules, their slots taking one volume of a series."""
    changed = [replace(rule, slots=tuple(replace(slot, volume=volume) for slot in rule.slots)) for rule in rules.rules]
    return replace(rules, rules=tuple(changed))


@pytest.mark.hazard("HAZ-07")
@pytest.mark.parametrize("enhanced", [False, True])
def test_a_slot_that_takes_a_volume_is_filled_by_what_that_volume_says(
    shipped_rules: RuleSet, study_of: StudyOf, mprage: dict[str, Any], enhanced: bool
) -> None:
    if enhanced:
        facts = facts_of([enhanced_phantom(EchoTime="95")])
    else:
        headers = sagittal(mprage, 120)
        for header in headers[1::2]:
            header["EchoTime"] = 95.0
        facts = facts_of(headers)
    lowest = decide(taking(shipped_rules, VolumeChoice(echo="lowest")), study_of(replace(facts, instance_count=9)))
    assert bool(lowest.firings) is not enhanced  # a volume of 60 slices, and of 30: too few for the rule
    assert "weighting" not in lowest.nearest_miss
    highest = decide(taking(shipped_rules, VolumeChoice(echo="highest")), study_of(facts))
    assert not highest.firings
    assert "T2*" in highest.nearest_miss
    none = decide(taking(shipped_rules, VolumeChoice(dixon="water")), study_of(facts))
    assert not none.firings
    assert "volume is water is false" in none.nearest_miss
    assert "95 ms" in none.nearest_miss


def test_what_a_fact_could_not_be_read_from_is_named_with_its_value(
    shipped_rules: RuleSet, study_of: StudyOf, mprage: dict[str, Any]
) -> None:
    headers = sagittal({**mprage, "EchoTime": "fast", "BodyPartExamined": None})
    missed = decide(shipped_rules, study_of(facts_of(headers))).nearest_miss
    assert "EchoTime fast" in missed
    assert "without BodyPartExamined" in missed


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_any_order_gives_the_same_decision(
    shipped_rules: RuleSet, study_of: StudyOf, mprage: dict[str, Any], data: st.DataObject, seed: int
) -> None:
    headers = sagittal(mprage, 45)
    changes = st.dictionaries(
        st.sampled_from(["BodyPartExamined", "MRAcquisitionType", "EchoTime", "ImageType", "ImageOrientationPatient"]),
        st.sampled_from(
            [None, "HEAD", "NECK", 95.0, "2,5", ["ORIGINAL", "PRIMARY", "LOCALIZER"], [1.0, 0, 0, 0, 1.0, 0]]
        ),
        max_size=3,
    )
    for index in data.draw(st.lists(st.integers(0, 44), max_size=6)):
        headers[index].update(data.draw(changes))
    shuffled = headers[:]
    random.Random(seed).shuffle(shuffled)
    once, again = (decide(shipped_rules, study_of(facts_of(one))) for one in (headers, shuffled))
    assert once == again
    assert explain(once) == explain(again)
