"""Which series fill a pipeline's slots: by the rules that a node decides by, or by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from node.errors import Permanent
from node.rules import Rule, RuleSet, decide
from node.rules.decision import RuleVerdict, SlotVerdict
from node.standalone.study import FolderStudy
from pipelines.contract import Declaration
from pipelines.objects.profiles import DEFAULT, PlanningProfile

BY_NAME = "name"
"""What decided where a person named the series; else see `node.rules.decision.SlotVerdict.chosen_by`."""

_NO_CHOICE = ("instances", "uid")
"""A node must decide without a person; where one stands by, the number of images or a UID is no reason to choose."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What is to be computed.

    Attributes
    ----------
    rule
        The rule that says so; empty where every slot was filled by name and none was asked.
    models, configuration, profile
        As the rule says, or the pipeline's defaults.
    slots
        SeriesInstanceUID by slot.
    chosen_by
        What decided on each.
    """

    rule: str
    models: Mapping[str, str]
    configuration: Mapping[str, str]
    profile: PlanningProfile
    slots: Mapping[str, str]
    chosen_by: Mapping[str, str]

    def with_models(self, declaration: Declaration, models: Mapping[str, str]) -> Filled:
        """Return the same with other models in some roles.

        Raises
        ------
        Permanent
            ``run-role-unknown``.
        """
        for role in models.keys() - declaration.models.keys():
            raise Permanent(
                "run-role-unknown", pipeline=declaration.name, role=role, known=", ".join(declaration.models)
            )
        return replace(self, models={**self.models, **models})


def fill_slots(
    study: FolderStudy, declaration: Declaration, rulesets: Iterable[RuleSet], patterns: Mapping[str, str]
) -> Filled:
    """Choose the series that fill the slots.

    Conditions of rules on who sent the study are not asked: nobody did.

    Parameters
    ----------
    study
        The study.
    declaration
        The pipeline's.
    rulesets
        Rules that may order the pipeline among others.
    patterns
        By slot, what SeriesDescription must be like (``*`` and ``?`` as in file names): such a slot is filled by name.

    Raises
    ------
    Permanent
        ``run-slot-unknown``; ``run-series-ambiguous`` or ``run-series-missing`` where not one series fits a slot;
        ``run-no-rule`` where no rule orders the pipeline; ``run-rules-several`` where rules would compute different
        things.
    """
    named = _by_name(study, declaration, patterns)
    if all(slot.name in named for slot in declaration.slots if slot.required):
        chosen_by = dict.fromkeys(named, BY_NAME)
        return Filled("", declaration.models, declaration.configuration, DEFAULT, named, chosen_by)
    found: list[Filled] = []
    missed: list[Permanent] = []
    for rule, verdict in _verdicts(study, declaration, rulesets):
        try:
            found.append(_filled(study, rule, verdict, named))
        except Permanent as why:
            missed.append(why)
    if not found and not missed:
        raise Permanent("run-no-rule", pipeline=declaration.name, slots=", ".join(s.name for s in declaration.slots))
    if not found:
        raise missed[0]
    if any(_computation(one) != _computation(found[0]) for one in found):
        rules = ", ".join(one.rule for one in found)
        raise Permanent("run-rules-several", pipeline=declaration.name, rules=rules)
    return found[0]


def _by_name(study: FolderStudy, declaration: Declaration, patterns: Mapping[str, str]) -> dict[str, str]:
    slots = {slot.name: slot for slot in declaration.slots}
    named: dict[str, str] = {}
    for name, pattern in patterns.items():
        if name not in slots:
            raise Permanent("run-slot-unknown", slot=name, known=", ".join(slots))
        fitting = [
            uid
            for uid, members in study.series.items()
            if members[0].header.modality == slots[name].modality
            and fnmatchcase(study.describe(uid).casefold(), pattern.casefold())
        ]
        if not fitting:
            raise Permanent("run-series-missing", slot=name, found=f"no {slots[name].modality} series is {pattern}")
        named[name] = _only(study, name, fitting)
    return named


def _verdicts(
    study: FolderStudy, declaration: Declaration, rulesets: Iterable[RuleSet]
) -> Iterable[tuple[Rule, RuleVerdict]]:
    facts = study.facts
    for ruleset in rulesets:
        for rule, verdict in zip(ruleset.rules, decide(ruleset, facts).rules, strict=True):
            if rule.pipeline == declaration.name:
                yield rule, verdict


def _filled(study: FolderStudy, rule: Rule, verdict: RuleVerdict, named: Mapping[str, str]) -> Filled:
    slots, chosen_by = dict(named), dict.fromkeys(named, BY_NAME)
    for slot in verdict.slots:
        if slot.slot in named:
            continue
        if slot.chosen is None:
            if slot.required:
                raise Permanent("run-series-missing", slot=slot.slot, found=verdict.describe_misses())
            continue
        if slot.chosen_by in _NO_CHOICE:
            _only(study, slot.slot, _best(slot))
        slots[slot.slot], chosen_by[slot.slot] = slot.chosen, slot.chosen_by
    return Filled(rule.name, rule.models, rule.configuration, rule.profile, slots, chosen_by)


def _best(slot: SlotVerdict) -> list[str]:
    """Return the fitting series that meet as many of the preferences as the one that a node would take."""
    return [one.series_uid for one in slot.fitting if one.order[0] == slot.fitting[0].order[0]]


def _only(study: FolderStudy, slot: str, fitting: list[str]) -> str:
    """Return the one series that fits; several are refused by their descriptions."""
    if len(fitting) > 1:
        descriptions = ", ".join(study.describe(uid) for uid in fitting)
        raise Permanent("run-series-ambiguous", slot=slot, found=len(fitting), descriptions=descriptions)
    return fitting[0]


def _computation(filled: Filled) -> tuple[object, ...]:
    return filled.models, filled.configuration, filled.profile, filled.slots
