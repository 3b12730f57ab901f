"""The rules in force: a rule file, read and checked against what is installed and configured."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from node.errors import SettingsError
from node.network import Peer
from node.priority import Priority
from node.rules.conditions import Condition
from node.rules.predicates import READY_TYPES
from node.rules.schema import WrittenRule, WrittenRules, WrittenSlot
from node.rules.types import INT, TEXT, ConditionError, Type
from node.rules.yaml_file import parse
from pipelines.contract import Declaration, Slot
from pipelines.headers.volumes import VolumeChoice
from pipelines.objects.profiles import DEFAULT, PlanningProfile

STUDY_FACTS: Mapping[str, Type] = MappingProxyType({"calling_ae": TEXT, "called_ae": TEXT, "series_count": INT})
"""What conditions on a study may use."""

SERIES_FACTS: Mapping[str, Type] = MappingProxyType(
    {**READY_TYPES, "calling_ae": TEXT, "called_ae": TEXT, "instance_count": INT}
)
"""What conditions on a series may use, besides DICOM keywords."""

_MOST_FINDINGS = 10


@dataclass(frozen=True, slots=True)
class SlotRule:
    """How one slot of the pipeline is filled.

    Attributes
    ----------
    slot
        Its name.
    required
        Whether the rule needs it to fire.
    where
        What a series must meet; those that hold for every rule come first.
    prefer
        Order of preference among those that do.
    volume
        Which volume of a series that holds several the slot takes, and its conditions look at; None: the whole series.
    """

    slot: str
    required: bool
    where: tuple[Condition, ...]
    prefer: tuple[Condition, ...]
    volume: VolumeChoice | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A checked rule: every role has its model, every option its value, and all destinations ask for one profile."""

    name: str
    when: tuple[Condition, ...]
    pipeline: str
    models: Mapping[str, str]
    configuration: Mapping[str, str]
    profile: PlanningProfile
    slots: tuple[SlotRule, ...]
    destinations: tuple[str, ...]
    priority: Priority
    release: str


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Checked rules.

    Attributes
    ----------
    version
        SHA-256 in hex of the file's bytes.
    """

    rules: tuple[Rule, ...]
    version: str


@dataclass(frozen=True, slots=True)
class _Finding:
    key: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.key}: {self.problem} ({self.remedy})"


def load_ruleset(
    file: Path,
    *,
    pipelines: Mapping[str, Declaration],
    destinations: Iterable[Peer],
    profiles: Mapping[str, PlanningProfile] = MappingProxyType({}),
) -> RuleSet:
    """Read and check a rule file.

    Parameters
    ----------
    file
        YAML, schema 1 (`node.rules.schema`).
    pipelines
        Declarations of the installed pipelines by name.
    destinations
        The configured destinations.
    profiles
        The configured planning profiles by name.

    Raises
    ------
    SettingsError
        ``rules-unreadable``, ``rules-tab``, ``rules-not-yaml``, ``rules-too-large``, or ``rules-invalid`` with
        every finding's rule, key, problem and remedy.
    """
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise SettingsError("rules-unreadable", file=str(file), error=error.strerror or str(error)) from error
    values = parse(file, content)
    try:
        written = WrittenRules.model_validate(values)
    except ValidationError as error:
        raise _invalid(file, (_of_schema(e["loc"], e["type"], e["msg"], values) for e in error.errors())) from error
    checker = _Checker(pipelines, tuple(destinations), profiles)
    rules = tuple(checker.rule(rule) for rule in written.rules)
    checker.names(written.rules)
    if checker.findings:
        raise _invalid(file, checker.findings)
    return RuleSet(rules, hashlib.sha256(content).hexdigest())


class _Checker:
    """Turns written rules into checked ones and collects everything that is wrong."""

    def __init__(
        self,
        pipelines: Mapping[str, Declaration],
        destinations: tuple[Peer, ...],
        profiles: Mapping[str, PlanningProfile],
    ) -> None:
        self.findings: list[_Finding] = []
        self._pipelines = pipelines
        self._destinations = destinations
        self._profiles = profiles

    def names(self, rules: Iterable[WrittenRule]) -> None:
        seen: set[str] = set()
        for rule in rules:
            if rule.name in seen:
                self._add(rule.name, "name", "another rule has this name", "give each rule a name of its own")
            seen.add(rule.name)

    def rule(self, rule: WrittenRule) -> Rule:
        destinations = tuple(dict.fromkeys(self._named(rule)))
        return Rule(
            name=rule.name,
            when=tuple(self._conditions(rule.name, "when", rule.when, STUDY_FACTS, keywords=False)),
            pipeline=rule.pipeline,
            models=self._models(rule),
            configuration=self._configuration(rule),
            profile=self._profile(rule.name, destinations),
            slots=tuple(self._slots(rule)),
            destinations=destinations,
            priority=rule.priority,
            release=rule.release,
        )

    def _slots(self, rule: WrittenRule) -> Iterator[SlotRule]:
        declaration = self._pipelines.get(rule.pipeline)
        if declaration is None:
            self._add(
                rule.name, "pipeline", f"unknown pipeline {rule.pipeline}", _known(rule.pipeline, self._pipelines)
            )
            return
        slots = {slot.name: slot for slot in declaration.slots}
        for name in rule.slots.keys() - slots.keys():
            self._add(rule.name, f"slots.{name}", f"{rule.pipeline} has no slot {name}", _known(name, slots))
        for name, slot in slots.items():
            if name in rule.slots:
                yield self._slot(rule.name, slot, rule.slots[name])
            elif slot.required:
                self._add(rule.name, "slots", f"slot {name} is not filled", f"add slots.{name}: {slot.description}")

    def _slot(self, rule: str, slot: Slot, written: WrittenSlot) -> SlotRule:
        key = f"slots.{slot.name}"
        return SlotRule(
            slot=slot.name,
            required=slot.required,
            where=(
                *_for_every_slot(slot),
                *self._conditions(rule, f"{key}.where", written.where, SERIES_FACTS, keywords=True),
            ),
            prefer=tuple(self._conditions(rule, f"{key}.prefer", written.prefer, SERIES_FACTS, keywords=True)),
            volume=slot.volume,
        )

    def _conditions(
        self, rule: str, key: str, texts: Iterable[str], facts: Mapping[str, Type], *, keywords: bool
    ) -> Iterator[Condition]:
        for number, text in enumerate(texts, 1):
            try:
                yield Condition.checked(text, facts, keywords=keywords)
            except ConditionError as error:
                self._add(rule, f"{key}[{number}] `{text.strip()[:80]}`", error.problem, error.remedy)

    def _models(self, rule: WrittenRule) -> Mapping[str, str]:
        declaration = self._pipelines.get(rule.pipeline)
        if declaration is None:
            return {}
        written = rule.models
        if isinstance(written, str):
            if len(declaration.models) != 1:
                roles = ", ".join(declaration.models)
                self._add(
                    rule.name, "models", f"{rule.pipeline} has several roles", f"name a model for each of {roles}"
                )
                return declaration.models
            written = dict.fromkeys(declaration.models, written)
        for role in written.keys() - declaration.models.keys():
            self._add(
                rule.name, f"models.{role}", f"{rule.pipeline} has no role {role}", _known(role, declaration.models)
            )
        return {**declaration.models, **written}

    def _configuration(self, rule: WrittenRule) -> Mapping[str, str]:
        declaration = self._pipelines.get(rule.pipeline)
        if declaration is None:
            return {}
        options = {option.name: option for option in declaration.options}
        configuration = dict(declaration.configuration)
        for name, written in rule.configuration.items():
            key, value = f"configuration.{name}", _as_text(written)
            if name not in options:
                self._add(rule.name, key, f"{rule.pipeline} has no option {name}", _known(name, options))
            elif (normal := options[name].normalise(value)) is None:
                self._add(rule.name, key, f"{value} is not accepted", f"accepted: {options[name].accepted}")
            else:
                configuration[name] = normal
        return configuration

    def _profile(self, rule: str, destinations: Iterable[str]) -> PlanningProfile:
        asked = {one.name: one.profile for one in self._destinations if one.name in set(destinations)}
        profiles = {name: DEFAULT if profile is None else self._profiles[profile] for name, profile in asked.items()}
        first = next(iter(profiles.values()), DEFAULT)
        if any(profile != first for profile in profiles.values()):
            # One run makes one set of objects: it cannot carry two systems' equipment attributes.
            found = ", ".join(f"{name} asks for {profile or 'the default'}" for name, profile in asked.items())
            self._add(rule, "destinations", f"different planning profiles: {found}", "write a rule for each profile")
        return first

    def _named(self, rule: WrittenRule) -> Iterator[str]:
        if isinstance(rule.destinations, str):
            yield from (d.name for d in self._destinations if d.research or rule.destinations == "all")
            return
        known = {destination.name: destination for destination in self._destinations}
        for name in rule.destinations:
            if name not in known:
                self._add(rule.name, "destinations", f"unknown destination {name}", _known(name, known))
            yield name

    def _add(self, rule: str, key: str, problem: str, remedy: str) -> None:
        self.findings.append(_Finding(f"rule {rule}, {key}", problem, remedy))


def _for_every_slot(slot: Slot) -> Iterator[Condition]:
    # Pipelines read classic images and enhanced CT and MR. What this or another node made is no measurement to compute
    # from again, and what was computed from images only where a slot takes such maps.
    origin = "!is_synthetic" if slot.derived else "!is_derived"
    for text in ("has_readable_frames", origin, f'Modality == "{slot.modality}"'):
        yield Condition.checked(text, SERIES_FACTS, keywords=True, built_in=True)


def _as_text(value: str | bool | int | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _known(name: str, known: Iterable[str]) -> str:
    known = sorted(known)
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known) or '(none)'}"


def _of_schema(location: tuple[int | str, ...], kind: str, message: str, values: Mapping[str, object]) -> _Finding:
    path = [part for part in location if part not in {"tuple[str, ...]", "literal['research','all']"}]
    rules = values.get("rules")
    where = ".".join(str(part) for part in path)
    if len(path) > 1 and path[0] == "rules" and isinstance(path[1], int) and isinstance(rules, list | tuple):
        entry = rules[path[1]]
        name = entry.get("name") if isinstance(entry, dict) else None
        where = f"rule {name or f'number {path[1] + 1}'}, {'.'.join(str(p) for p in path[2:]) or '(whole)'}"
    remedies = {
        "extra_forbidden": "remove it, or correct its spelling",
        "missing": "add it",
    }
    problem = {"extra_forbidden": "unknown key", "missing": "the key is missing"}.get(kind, message)
    return _Finding(where or "(file)", problem, remedies.get(kind, "see the schema in the documentation"))


def _invalid(file: Path, findings: Iterable[_Finding]) -> SettingsError:
    found = list(dict.fromkeys(str(finding) for finding in findings))
    listed = "; ".join(found[:_MOST_FINDINGS])
    if len(found) > _MOST_FINDINGS:
        listed += f"; and {len(found) - _MOST_FINDINGS} more"
    return SettingsError("rules-invalid", file=str(file), findings=listed)
