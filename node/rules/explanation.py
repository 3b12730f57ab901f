"""A decision as it is kept with its study: every condition asked of every series, the values seen, the verdicts.

A hundred rules over thirty series ask fifteen thousand times: conditions, and the values of a series, stand in it once,
and each series has one character a condition. Schema 2::

    {"schema": 2, "study_uid": ..., "ruleset_version": SHA-256, "ruleset_number": 3,
     "fired": [rule, ...], "nearest_miss": sentence,
     "conflicts": [{"task": ..., "priority": ..., "rules": [...]}, ...],
     "conditions": [{"condition": text, "names": [...], "built_in": false}, ...],
     "subjects": [{"series_uid": ..., "volume": "", "instances": 192, "own": false, "set_aside": "",
                   "values": {name: value}, "notes": {name: [...]}, "verdicts": "tfu-"}, ...],
     "rules": [{"rule": ..., "pipeline": ..., "matched": false, "repeats": null,
                "stopped_by": null, "when": [condition, ...],
                "slots": [{"slot": ..., "required": true, "chosen": null, "chosen_by": "", "passed_over": [...],
                           "where": [condition, ...], "prefer": [...],
                           "series": [{"subject": 1, "fits": false}, ...]}],
                "misses": [{"slot": ..., "series_uid": ..., "own": false, "unmet": [{"condition": ..., "verdict": ...,
                            "seen": {...}, "missing": [...], "wanted": ..., "notes": [...]}]}]}]}

Subject 0 is the study, the others are series and the volumes of series that slots take. In ``verdicts`` the character
at a condition's place is ``t`` (true), ``f`` (false), ``u`` (unknown) or ``-`` (not asked of it).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from node.rules.conditions import Ternary
from node.rules.decision import Decision, Miss, RuleVerdict, SlotVerdict
from node.rules.subject import Judgement, Subject

SCHEMA = 2

_LETTERS = {Ternary.TRUE: "t", Ternary.FALSE: "f", Ternary.UNKNOWN: "u"}
_LONGEST = 2000
"""Characters of JSON that a value has in an explanation: long sequences are cut."""

_Key = tuple[str, bool]


def explain(decision: Decision) -> dict[str, Any]:
    """Return the decision as JSON carries it."""
    subjects = _subjects_of(decision)
    places = {id(subject): place for place, subject in enumerate(subjects)}
    conditions: dict[_Key, Judgement] = {}
    for subject in subjects:
        for key, judgement in subject.judgements.items():
            conditions.setdefault(key, judgement)
    numbers = {key: number for number, key in enumerate(conditions)}
    return {
        "schema": SCHEMA,
        "study_uid": decision.study_uid,
        "ruleset_version": decision.ruleset_version,
        "ruleset_number": decision.ruleset_number,
        "fired": [firing.rule for firing in decision.firings],
        "conflicts": [
            {"task": one.task, "priority": one.priority.value, "rules": list(one.rules)} for one in decision.conflicts
        ],
        "nearest_miss": decision.nearest_miss,
        "conditions": [
            {"condition": text, "names": list(judgement.names), "built_in": built_in}
            for (text, built_in), judgement in conditions.items()
        ],
        "subjects": [_subject(subject, conditions) for subject in subjects],
        "rules": [_rule(rule, numbers, places) for rule in decision.rules],
    }


def _subjects_of(decision: Decision) -> list[Subject]:
    found = {id(decision.about): decision.about}
    for rule in decision.rules:
        for slot in rule.slots:
            for one in slot.series:
                found.setdefault(id(one.about), one.about)
    return list(found.values())


def _subject(subject: Subject, conditions: Mapping[_Key, Judgement]) -> dict[str, Any]:
    judged = subject.judgements
    names = dict.fromkeys(name for judgement in judged.values() for name in judgement.names)
    notes = {name: list(said) for name in names if (said := subject.notes(name))}
    notes |= {one.condition: list(one.further_notes) for one in judged.values() if one.further_notes}
    return {
        "series_uid": subject.series_uid,
        "volume": subject.volume,
        "instances": subject.instance_count,
        "own": subject.own,
        "set_aside": subject.set_aside,
        "values": {name: _shortened(subject.values[name]) for name in names if name in subject.values},
        "notes": notes,
        "verdicts": "".join([_LETTERS[judged[key].verdict] if key in judged else "-" for key in conditions]),
    }


def _rule(rule: RuleVerdict, numbers: Mapping[_Key, int], places: Mapping[int, int]) -> dict[str, Any]:
    return {
        "rule": rule.rule,
        "pipeline": rule.pipeline,
        "matched": rule.matched,
        "repeats": rule.repeats,
        "stopped_by": rule.stopped_by,
        "when": _numbers(rule.when, numbers),
        "slots": [_slot(slot, numbers, places) for slot in rule.slots],
        "misses": [_miss(miss) for miss in rule.misses],
    }


def _slot(slot: SlotVerdict, numbers: Mapping[_Key, int], places: Mapping[int, int]) -> dict[str, Any]:
    first = slot.series[0] if slot.series else None
    return {
        "slot": slot.slot,
        "required": slot.required,
        "chosen": slot.chosen,
        "chosen_by": slot.chosen_by,
        "passed_over": [one.series_uid for one in slot.fitting[1:]],
        "where": _numbers(first.where if first else (), numbers),
        "prefer": _numbers(first.prefer if first else (), numbers),
        "series": [{"subject": places[id(one.about)], "fits": one.fits} for one in slot.series],
    }


def _numbers(judgements: Iterable[Judgement], numbers: Mapping[_Key, int]) -> list[int]:
    return [numbers[one.condition, one.built_in] for one in judgements]


def _miss(miss: Miss) -> dict[str, Any]:
    return {
        "slot": miss.slot,
        "series_uid": miss.series_uid,
        "own": miss.own,
        "unmet": [
            {
                "condition": one.condition,
                "verdict": one.verdict.value,
                "seen": {name: _shortened(value) for name, value in one.seen.items()},
                "missing": list(one.missing),
                "wanted": one.wanted,
                "notes": list(one.notes),
            }
            for one in miss.unmet
        ],
    }


def _shortened(value: Any) -> Any:
    if isinstance(value, int | float | bool):
        return value
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
    written = json.dumps(value)
    return value if len(written) <= _LONGEST else f"{written[:_LONGEST]}…"
