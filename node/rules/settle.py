"""Written rules settled against what is installed and configured; what does not fit is found, all of it at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType

from pydantic import ValidationError

from models.packages import ModelPackage
from node.network import Peer
from node.rules.conditions import Condition
from node.rules.findings import Finding, Severity
from node.rules.ruleset import SERIES_FACTS, STUDY_FACTS, Rule, SlotRule
from node.rules.schema import Models, Scans, WrittenRule, WrittenRules, WrittenSlot
from node.rules.types import ConditionError, Type
from pipelines.contract import Declaration, Slot
from pipelines.objects.profiles import DEFAULT, PlanningProfile


@dataclass(frozen=True, slots=True)
class Known:
    """What rules may name at this node.

    Attributes
    ----------
    pipelines
        Declarations of the installed pipelines by name.
    destinations
        The configured destinations.
    profiles
        The configured planning profiles by name.
    packages
        The installed model packages by name; None: models are not looked for.
    """

    pipelines: Mapping[str, Declaration]
    destinations: tuple[Peer, ...] = ()
    profiles: Mapping[str, PlanningProfile] = field(default_factory=lambda: MappingProxyType({}))
    packages: Mapping[str, ModelPackage] | None = None


def settle_rules(written: WrittenRules, known: Known) -> tuple[tuple[Rule, ...], tuple[Finding, ...]]:
    """Return the rules as they decide, and everything in them that does not fit; such rules are not to be used."""
    settler = _Settler(known, written.models)
    rules = tuple(settler.rule(rule) for rule in written.rules)
    settler.check_names(written.rules)
    settler.check_site_models()
    return rules, tuple(dict.fromkeys(settler.findings))


def schema_findings(error: ValidationError, values: Mapping[str, object]) -> tuple[Finding, ...]:
    """Return what the schema finds wrong with the mapping of a rule file."""
    return tuple(_of_schema(e["loc"], e["type"], e["msg"], values) for e in error.errors())


class _Settler:
    """Turns written rules into checked ones and collects everything that is wrong."""

    def __init__(self, known: Known, site_models: Mapping[str, Models]) -> None:
        self.findings: list[Finding] = []
        self._known = known
        self._site_models = site_models
        self._pipelines = known.pipelines
        self._destinations = known.destinations

    def check_names(self, rules: Iterable[WrittenRule]) -> None:
        seen: set[str] = set()
        for rule in rules:
            if rule.name in seen:
                self._add(rule.name, "name", "another rule has this name", "give each rule a name of its own")
            seen.add(rule.name)

    def rule(self, rule: WrittenRule) -> Rule:
        destinations = tuple(dict.fromkeys(self._named(rule)))
        declaration = self._pipelines.get(rule.pipeline)
        self._check_scans(rule, destinations)
        self._check_begin(rule)
        if not destinations:
            problem = "no destination is meant: results are held, and released only to one that a person names"
            remedy = "configure one (`peers`, `deliver`), or name those that there are"
            self.findings.append(Finding(rule.name, "destinations", "", problem, remedy, Severity.WARNING))
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
            task="" if declaration is None else declaration.task,
            stop=rule.stop,
            begins_early=rule.begin == "series",
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
                yield self._slot(rule, slot, rule.slots[name])
            elif slot.required:
                self._add(rule.name, "slots", f"slot {name} is not filled", f"add slots.{name}: {slot.description}")

    def _slot(self, rule: WrittenRule, slot: Slot, written: WrittenSlot) -> SlotRule:
        key = f"slots.{slot.name}"
        return SlotRule(
            slot=slot.name,
            required=slot.required,
            where=(
                *_for_every_slot(slot, written, rule.scans),
                *self._conditions(rule.name, f"{key}.where", written.where, SERIES_FACTS, keywords=True),
            ),
            prefer=tuple(self._conditions(rule.name, f"{key}.prefer", written.prefer, SERIES_FACTS, keywords=True)),
            volume=slot.volume,
        )

    def _conditions(
        self, rule: str, key: str, texts: Iterable[str], facts: Mapping[str, Type], *, keywords: bool
    ) -> Iterator[Condition]:
        for number, text in enumerate(texts, 1):
            try:
                yield Condition.checked(text, facts, keywords=keywords)
            except ConditionError as error:
                self._add(rule, f"{key}[{number}]", error.problem, error.remedy, text)

    def _models(self, rule: WrittenRule) -> Mapping[str, str]:
        declaration = self._pipelines.get(rule.pipeline)
        if declaration is None:
            return {}
        site = self._by_role("", f"models.{rule.pipeline}", declaration, self._site_models.get(rule.pipeline, {}))
        own = self._by_role(rule.name, "models", declaration, rule.models)
        models = {**declaration.models, **site, **own}
        for role, name in models.items():
            if self._known.packages is not None and name not in self._known.packages:
                problem, remedy = f"model {name} is not installed", _known(name, self._known.packages)
                self._add(rule.name, f"models.{role}", problem, f"install it (`synthnode models import`); {remedy}")
        return models

    def _by_role(self, rule: str, key: str, declaration: Declaration, written: Models) -> Mapping[str, str]:
        """Return models by role, of which one may be written by its name alone where there is one role."""
        if isinstance(written, str):
            if len(declaration.models) != 1:
                roles = ", ".join(declaration.models)
                problem = f"{declaration.name} has several roles"
                self._add(rule, key, problem, f"name a model for each of {roles}", written)
                return {}
            return dict.fromkeys(declaration.models, written)
        for role in written.keys() - declaration.models.keys():
            self._add(rule, f"{key}.{role}", f"{declaration.name} has no role {role}", _known(role, declaration.models))
        return written

    def check_site_models(self) -> None:
        """Find the site's models of pipelines that there are not."""
        for name in self._site_models.keys() - self._pipelines.keys():
            self._add("", f"models.{name}", f"unknown pipeline {name}", _known(name, self._pipelines))

    def _check_begin(self, rule: WrittenRule) -> None:
        for number, text in enumerate(rule.when, 1):
            if rule.begin == "series" and "series_count" in text:
                problem = "how many series the study has is not known when the rule begins with its series"
                self._add(rule.name, f"when[{number}]", problem, "take it out, or write `begin: study`", text)

    def _check_scans(self, rule: WrittenRule, destinations: Iterable[str]) -> None:
        clinical = [one.name for one in self._destinations if one.name in set(destinations) and not one.research]
        if rule.scans is not Scans.PATIENTS and clinical:
            problem = f"phantoms would reach {', '.join(clinical)}, which is not marked research"
            remedy = "write a rule of its own for phantoms, with research destinations"
            self._add(rule.name, "scans", problem, remedy, rule.scans)

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
        profiles = {
            name: DEFAULT if profile is None else self._known.profiles[profile] for name, profile in asked.items()
        }
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

    def _add(self, rule: str, key: str, problem: str, remedy: str, value: str = "") -> None:
        self.findings.append(Finding(rule, key, value.strip()[:80], problem, remedy))


def _for_every_slot(slot: Slot, written: WrittenSlot, scans: Scans) -> Iterator[Condition]:
    # Pipelines read classic images and enhanced CT and MR. What this or another node made is no measurement to compute
    # from again, and what was computed from images only where a slot takes such maps, or the rule says so.
    yield _built_in("has_readable_frames")
    origins = {
        (False, False): "!is_derived",
        (True, False): "!is_synthetic",
        (False, True): "is_synthetic || !is_derived",
    }
    origin = origins.get((slot.derived or written.derived, written.synthetic))
    if origin is not None:
        yield _built_in(origin)
    if scans is not Scans.ALL:
        yield _built_in("is_phantom" if scans is Scans.PHANTOMS else "!is_phantom")
    yield _built_in(f'Modality == "{slot.modality}"')


def _built_in(text: str) -> Condition:
    return Condition.checked(text, SERIES_FACTS, keywords=True, built_in=True)


def _as_text(value: str | bool | int | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _known(name: str, known: Iterable[str]) -> str:
    known = sorted(known)
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known) or '(none)'}"


def _of_schema(location: tuple[int | str, ...], kind: str, message: str, values: Mapping[str, object]) -> Finding:
    path = [part for part in location if part not in {"tuple[str, ...]", "literal['research','all']"}]
    rules = values.get("rules")
    name, where = "", ".".join(str(part) for part in path)
    if len(path) > 1 and path[0] == "rules" and isinstance(path[1], int) and isinstance(rules, list | tuple):
        entry = rules[path[1]]
        named = entry.get("name") if isinstance(entry, dict) else None
        name = str(named or f"number {path[1] + 1}")[:64]
        where = ".".join(str(part) for part in path[2:]) or "(whole)"
    remedies = {
        "extra_forbidden": "remove it, or correct its spelling",
        "missing": "add it",
    }
    problem = {"extra_forbidden": "unknown key", "missing": "the key is missing"}.get(kind, message)
    remedy = remedies.get(kind, "`synthnode rules schema` prints what is accepted")
    return Finding(name, where or "(file)", "", problem, remedy)
