"""A rule from an example: conditions that a study's series meets and that others do not, for a person to edit.

Conditions name what stays the same from patient to patient: modality, body part, contrast, planes, image types, words
of descriptions. Never who the patient is, never dates, times, UIDs or numbers of series. A word of a description is
taken only if the field uses it or another study has it too: a name that somebody typed there is in no other.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from node.errors import Refusal
from node.rules.conditions import Ternary
from node.rules.decision import SeriesVerdict
from node.rules.evaluate import decide
from node.rules.facts import SeriesFacts, StudyFacts
from node.rules.predicates import READY
from node.rules.ruleset import RuleSet
from node.rules.schema import RuleName, WrittenRules
from node.rules.settle import Known, settle_rules
from pipelines.contract import Declaration
from pipelines.headers import Header

_TERMS = frozenset(
    [
        "2D",
        "3D",
        "ABDOMEN",
        "ADC",
        "AX",
        "AXIAL",
        "BONE",
        "BRAIN",
        "BRAVO",
        "CHEST",
        "CONTRAST",
        "COR",
        "CORONAL",
        "CT",
        "CUBE",
        "DIXON",
        "DWI",
        "EPI",
        "FFE",
        "FLAIR",
        "FS",
        "FSE",
        "GD",
        "GRE",
        "HEAD",
        "IR",
        "KM",
        "LAVA",
        "MDIXON",
        "MPRAGE",
        "MR",
        "NATIVE",
        "NECK",
        "PD",
        "PELVIS",
        "POST",
        "PRE",
        "SAG",
        "SAGITTAL",
        "SOFT",
        "SPACE",
        "SPINE",
        "STIR",
        "SWI",
        "T1",
        "T1W",
        "T2",
        "T2W",
        "TFE",
        "THIN",
        "THORAX",
        "TIRM",
        "TOF",
        "TRA",
        "TSE",
        "VIBE",
        "VISTA",
    ]
)
"""Words that name sequences, planes and parts, and no person."""

_CODE = re.compile(r"[A-Z0-9 _*+-]{1,24}")
_SAME_FOR_ALL = ("body_part", "weighting", "plane")
_LONGEST_NUMBER = 3


@dataclass(frozen=True, slots=True)
class DraftedSlot:
    """The series that a slot was drafted from, and what the rule asks of it."""

    slot: str
    series_uid: str
    where: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule that somebody may edit, check and import.

    Attributes
    ----------
    content
        A rule file with this rule alone.
    slots
        What it asks.
    compared
        Number of other studies that it was compared with.
    also_fires_for
        Those of them that it fires for too.
    alike
        Other series of the example that each slot would take as well, as ``slot: Series Instance UID``.
    """

    content: str
    slots: tuple[DraftedSlot, ...]
    compared: int
    also_fires_for: tuple[str, ...]
    alike: tuple[str, ...]


def draft_rule(
    study: StudyFacts,
    others: Iterable[StudyFacts],
    pipeline: Declaration,
    known: Known,
    name: str,
    series: Mapping[str, str],
) -> Draft:
    """Write a rule that fires for a study.

    Parameters
    ----------
    study
        The example.
    others
        Studies that it is to miss, as far as stable attributes tell them apart; they are read twice.
    pipeline
        What the rule orders.
    known
        What rules may name here.
    name
        How the rule is called.
    series
        Series Instance UID by slot, where more than one series could fill it.

    Raises
    ------
    Refusal
        ``draft-name-invalid``; ``draft-slot-unknown``; ``draft-series-unfit``: the named one cannot fill its slot;
        ``draft-series-none`` and ``draft-series-several`` where none or more than one series of the example could fill
        a required slot.
    """
    try:
        TypeAdapter(RuleName).validate_python(name)
    except ValidationError as error:
        raise Refusal("draft-name-invalid", name=name) from error
    others = [other for other in others if other.study_uid != study.study_uid]
    examples = _examples(study, pipeline, known, series)
    words = _shared_words(others)
    slots = tuple(
        DraftedSlot(slot, one.series_uid, _conditions(slot, one, study, others, pipeline, known, words))
        for slot, one in examples.items()
    )
    content = _written(name, pipeline, slots)
    rules = _ruleset(yaml.safe_load(content), known)
    if not decide(rules, study).firings:
        raise AssertionError("the draft does not fire for its example")
    also = tuple(other.study_uid for other in others if decide(rules, other).firings)
    filled = decide(rules, study).rules[0].slots
    meant = {slot.slot: slot.series_uid for slot in slots}
    alike = tuple(
        f"{slot.slot}: {one.series_uid}"
        for slot in filled
        for one in slot.fitting
        if one.series_uid != meant.get(slot.slot)
    )
    return Draft(content, slots, len(others), also, alike)


def _examples(
    study: StudyFacts, pipeline: Declaration, known: Known, series: Mapping[str, str]
) -> dict[str, SeriesFacts]:
    slots = {slot.name: slot for slot in pipeline.slots}
    for name in series.keys() - slots.keys():
        raise Refusal("draft-slot-unknown", slot=name, pipeline=pipeline.name, known=", ".join(slots))
    by_uid = {one.series_uid: one for one in study.series}
    asked = ["instance_count > 0"]
    found: dict[str, SeriesFacts] = {}
    for verdict in decide(_probe(pipeline, known, dict.fromkeys(slots, asked)), study).rules[0].slots:
        fitting = [one.series_uid for one in verdict.fitting]
        named = series.get(verdict.slot)
        chosen = [uid for uid in fitting if named in (None, uid)]
        if len(chosen) == 1:
            found[verdict.slot] = by_uid[chosen[0]]
        elif not chosen and (verdict.required or named):
            if named is not None:
                raise Refusal("draft-series-unfit", slot=verdict.slot, series=named, known=", ".join(fitting) or "none")
            nearest = verdict.nearest
            why = "" if nearest is None else ", ".join(one.describe() for one in nearest.unmet)
            raise Refusal("draft-series-none", slot=verdict.slot, found=why or "nothing is known")
        elif chosen and verdict.required:
            listed = "; ".join(f"{uid} ({_described(by_uid[uid])})" for uid in chosen)
            raise Refusal("draft-series-several", slot=verdict.slot, found=listed)
    return found


def _described(series: SeriesFacts) -> str:
    return f"{Header.from_attributes(series.attributes).text('SeriesDescription')}, {series.instance_count} instances"


def _conditions(
    slot: str,
    example: SeriesFacts,
    study: StudyFacts,
    others: Sequence[StudyFacts],
    pipeline: Declaration,
    known: Known,
    words: frozenset[str],
) -> tuple[str, ...]:
    """Return conditions that the example meets: those that always belong, then whichever tells most others apart."""
    always, further = list(_always(example)), list(_further(example, study, words))
    candidates = [*always, *further]
    probe = _probe(pipeline, known, {slot: candidates})
    met = {
        (other.study_uid, verdict.series_uid): _met(verdict, candidates)
        for other in (study, *others)
        for verdict in next(one for one in decide(probe, other).rules[0].slots if one.slot == slot).series
        if all(one.verdict is Ternary.TRUE for one in verdict.where if one.built_in) and not verdict.about.own
    }
    own = met[study.study_uid, example.series_uid]
    where = [text for text in always if text in own] or ["instance_count > 0"]
    alike = {key for key, holds in met.items() if holds.issuperset(set(where) & own)} - {
        (study.study_uid, example.series_uid)
    }
    left = [text for text in further if text in own]
    while alike and left:
        best = max(left, key=lambda text: sum(text not in met[key] for key in alike))
        if all(best in met[key] for key in alike):
            break
        where.append(best)
        left.remove(best)
        alike = {key for key in alike if best in met[key]}
    return tuple(where)


def _met(verdict: SeriesVerdict, candidates: Sequence[str]) -> frozenset[str]:
    asked = set(candidates)
    return frozenset(one.condition for one in verdict.where if one.condition in asked and one.verdict is Ternary.TRUE)


def _always(series: SeriesFacts) -> Iterator[str]:
    header = Header.from_attributes(series.attributes)
    for name in _SAME_FOR_ALL:
        if (value := READY[name].read(header)) is not None:
            yield f"{name} == {json.dumps(value)}"
    yield "!is_localizer"
    if (acquisition := header.text("MRAcquisitionType")) in ("2D", "3D"):
        yield f'MRAcquisitionType == "{acquisition}"'


def _further(series: SeriesFacts, study: StudyFacts, words: frozenset[str]) -> Iterator[str]:
    """Yield what may tell it from others, what is surest to stay the same first."""
    header = Header.from_attributes(series.attributes)
    if (sequence := READY["sequence_type"].read(header)) is not None:
        yield f'sequence_type == "{sequence}"'
    yield "!has_contrast_agent" if not READY["has_contrast_agent"].read(header) else "has_contrast_agent"
    own, siblings = set(header.codes("ImageType")), [Header.from_attributes(one.attributes) for one in study.series]
    for code in header.codes("ImageType")[2:]:
        if _CODE.fullmatch(code):
            yield f'"{code}" in ImageType'
    for code in sorted({code for other in siblings for code in other.codes("ImageType")} - own):
        if _CODE.fullmatch(code):
            yield f'!("{code}" in ImageType)'
    said = [word for word in READY["description_words"].read(header) or () if _is_stable(word, words)]
    for word in said:
        yield f'"{word}" in description_words'
    others = {word for other in siblings for word in READY["description_words"].read(other) or ()}
    for word in sorted(others.difference(READY["description_words"].read(header) or ())):
        if _is_stable(word, words):
            yield f'!("{word}" in description_words)'
    maker = READY["manufacturer"].read(header)
    if maker is not None and _CODE.fullmatch(maker):
        yield f'manufacturer == "{maker}"'


def _is_stable(word: str, words: frozenset[str]) -> bool:
    return (word in _TERMS or word in words) and not (word.isdigit() and len(word) > _LONGEST_NUMBER)


def _shared_words(others: Iterable[StudyFacts]) -> frozenset[str]:
    """Return the words that more than one of the other studies has: no name of one patient is among them."""
    counts = Counter(
        word
        for other in others
        for word in {
            word
            for series in other.series
            for word in READY["description_words"].read(Header.from_attributes(series.attributes)) or ()
        }
    )
    return frozenset(word for word, count in counts.items() if count > 1)


def _probe(pipeline: Declaration, known: Known, where: Mapping[str, Sequence[str]]) -> RuleSet:
    slots = {slot.name: {"where": list(where.get(slot.name, ["instance_count > 0"]))} for slot in pipeline.slots}
    return _ruleset({"schema": 1, "rules": [_rule("probe", pipeline.name, slots)]}, known)


def _rule(name: str, pipeline: str, slots: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "description": "Drafted from an example. Research only.",
        "pipeline": pipeline,
        "slots": dict(slots),
        "destinations": "research",
        "priority": "ROUTINE",
        "release": "hold",
    }


def _ruleset(values: Mapping[str, Any], known: Known) -> RuleSet:
    rules, _ = settle_rules(WrittenRules.model_validate(values), known)
    return RuleSet(rules, "")


def _written(name: str, pipeline: Declaration, slots: Sequence[DraftedSlot]) -> str:
    rule = _rule(name, pipeline.name, {slot.slot: {"where": list(slot.where)} for slot in slots})
    written = yaml.safe_dump({"schema": 1, "rules": [rule]}, sort_keys=False, allow_unicode=True, width=110)
    return "# A draft: read each condition, then put the rule among the others of the site.\n" + str(written)
