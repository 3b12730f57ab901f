"""Rule sets over the shipped pipeline, and headers of series as scanners write them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import node.rules
from node.network import Peer
from node.rules import RuleSet, SeriesFacts, StudyFacts, load_ruleset
from pipelines.contract import Declaration
from pipelines.objects.profiles import PlanningProfile
from pipelines.synthetic_ct_head.declaration import DECLARATION

MPRAGE: dict[str, Any] = {
    "Modality": "MR",
    "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", "NORM"],
    "BodyPartExamined": "BRAIN",
    "SeriesDescription": "SAG MPRAGE",
    "ScanningSequence": ["GR", "IR"],
    "SequenceVariant": ["SK", "SP", "MP"],
    "MRAcquisitionType": "3D",
    "RepetitionTime": 2000.0,
    "EchoTime": 2.5,
    "InversionTime": 900.0,
    "FlipAngle": 9.0,
    "ImageOrientationPatient": [0.0, 1.0, 0.0, 0.0, 0.0, -1.0],
}

LoadText = Callable[[str], RuleSet]


@pytest.fixture
def mprage() -> dict[str, Any]:
    return dict(MPRAGE)


@pytest.fixture
def rule_pipelines() -> dict[str, Declaration]:
    return {DECLARATION.name: DECLARATION}


@pytest.fixture
def rule_destinations() -> list[Peer]:
    return [
        Peer(name="pacs", ae_title="PACS", host="127.0.0.1", port=104, deliver={"research": False}),
        Peer(name="lab", ae_title="LAB", host="127.0.0.1", port=105, deliver={"research": True}),
    ]


@pytest.fixture
def rule_profiles() -> dict[str, PlanningProfile]:
    return {}


@pytest.fixture
def load_rules_text(
    tmp_path: Path,
    rule_pipelines: dict[str, Declaration],
    rule_destinations: list[Peer],
    rule_profiles: dict[str, PlanningProfile],
) -> LoadText:
    def load(text: str) -> RuleSet:
        file = tmp_path / "rules.yaml"
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
        return load_ruleset(file, pipelines=rule_pipelines, destinations=rule_destinations, profiles=rule_profiles)

    return load


@pytest.fixture
def shipped_rules(rule_pipelines: dict[str, Declaration], rule_destinations: list[Peer]) -> RuleSet:
    file = Path(node.rules.__file__).parent / "shipped" / "head.yaml"
    return load_ruleset(file, pipelines=rule_pipelines, destinations=rule_destinations)


@pytest.fixture
def study_of() -> Callable[..., StudyFacts]:
    def study(*series: SeriesFacts) -> StudyFacts:
        return StudyFacts("1.2.3", "SCANNER", "SYNTHNODE", series)

    return study
