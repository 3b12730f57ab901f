"""What differs between two decisions: who fires, who no longer, and what the others order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from node.rules import RuleSet, SeriesFacts, StudyFacts, decide
from node.rules.changes import StudyChange, compare_decisions

LoadText = Callable[[str], RuleSet]
StudyOf = Callable[..., StudyFacts]

RULE = "  - {name: %s, pipeline: synthetic-ct-head, slots: {t1: {where: ['%s']}}, destinations: [%s], priority: %s}\n"


def changed(load: LoadText, study: StudyFacts, before: str, after: str) -> StudyChange:
    first, second = (decide(load("schema: 1\nrules:\n" + text), study) for text in (before, after))
    return compare_decisions(first, second)


@pytest.mark.hazard("HAZ-25")
def test_each_kind_of_change_is_named(load_rules_text: LoadText, study_of: StudyOf, mprage: dict[str, Any]) -> None:
    study = study_of(SeriesFacts("1.1", mprage, 192), SeriesFacts("1.2", mprage, 20))
    head = RULE % ("head", "instance_count > 100", "lab", "ROUTINE")
    assert not changed(load_rules_text, study, head, head).is_change

    gone = changed(load_rules_text, study, head, RULE % ("head", "instance_count > 500", "lab", "ROUTINE"))
    assert [one.rule for one in gone.fires_no_longer] == ["head"]
    assert "instance_count is 192" in gone.to_json()["fires_no_longer"][0]["why"]

    removed = changed(load_rules_text, study, head, RULE % ("other", "instance_count > 500", "lab", "ROUTINE"))
    assert removed.to_json()["fires_no_longer"][0]["why"] == ""

    urgent = changed(load_rules_text, study, head, RULE % ("head", "instance_count > 100", "pacs, lab", "STAT"))
    assert urgent.to_json()["altered"] == [
        {
            "rule": "head",
            "before": {"destinations": ["lab"], "priority": "ROUTINE"},
            "after": {"destinations": ["pacs", "lab"], "priority": "STAT"},
        }
    ]

    other = changed(load_rules_text, study, head, RULE % ("head", "instance_count < 100", "lab", "ROUTINE"))
    assert other.to_json()["altered"][0]["after"] == {"slots": {"t1": "1.2"}}

    renamed = changed(load_rules_text, study, head, RULE % ("brain", "instance_count > 100", "lab", "ROUTINE"))
    assert renamed.to_json()["altered"] == [{"rule": "brain", "before": {"rule": "head"}, "after": {"rule": "brain"}}]

    more = changed(load_rules_text, study, head, head + RULE % ("small", "instance_count < 100", "lab", "STAT"))
    assert [(one.rule, one.slots) for one in more.fires] == [("small", {"t1": "1.2"})]
