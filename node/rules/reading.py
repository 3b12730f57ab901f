"""Rule sets read: the bytes of a file, or a stored version, to written rules and to rules that decide."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from node.errors import SettingsError
from node.network import Peer
from node.rules.findings import Finding, describe, errors
from node.rules.ruleset import RuleSet
from node.rules.schema import WrittenRules
from node.rules.settle import Known, schema_findings, settle_rules
from node.rules.yaml_file import parse
from pipelines.contract import Declaration
from pipelines.objects.profiles import PlanningProfile


@dataclass(frozen=True, slots=True)
class WrittenSet:
    """A rule file that fits the schema; whether its rules can be used here is not said yet.

    Attributes
    ----------
    name
        What people call it: the file, or ``version 3``.
    sha256
        Of the file's bytes, in hex.
    """

    name: str
    written: WrittenRules
    sha256: str
    number: int | None = None

    def settle(self, known: Known) -> tuple[RuleSet, tuple[Finding, ...]]:
        """Return the rules as they decide here, and what of them does not fit."""
        rules, findings = settle_rules(self.written, known)
        return RuleSet(rules, self.sha256, self.number), findings

    def settled(self, known: Known) -> RuleSet:
        """Return the rules as they decide here.

        Raises
        ------
        SettingsError
            ``rules-invalid`` with every finding's rule, key, problem and remedy.
        """
        ruleset, findings = self.settle(known)
        if wrong := errors(findings):
            raise SettingsError("rules-invalid", file=self.name, findings=describe(wrong))
        return ruleset


def read_bytes(file: Path) -> bytes:
    """Return what is in a rule file.

    Raises
    ------
    SettingsError
        ``rules-unreadable``.
    """
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise SettingsError("rules-unreadable", file=str(file), error=error.strerror or str(error)) from error


def read_written(name: str, content: bytes) -> WrittenSet:
    """Return the rules that a file's bytes hold, YAML in schema 1 (`node.rules.schema`).

    Raises
    ------
    SettingsError
        ``rules-tab``, ``rules-not-yaml``, ``rules-too-large``, or ``rules-invalid``.
    """
    return WrittenSet(name, _validated(name, parse(name, content)), hashlib.sha256(content).hexdigest())


def read_stored(number: int, values: Mapping[str, Any], sha256: str) -> WrittenSet:
    """Return the rules of a stored version from its parsed content.

    Raises
    ------
    SettingsError
        ``rules-invalid`` when this software does not read that version any more.
    """
    name = f"version {number}"
    return WrittenSet(name, _validated(name, values), sha256, number)


def load_ruleset(
    file: Path,
    *,
    pipelines: Mapping[str, Declaration],
    destinations: Iterable[Peer],
    profiles: Mapping[str, PlanningProfile] = MappingProxyType({}),
) -> RuleSet:
    """Read a rule file for use without a node's database; its models are not looked for.

    Raises
    ------
    SettingsError
        Those of `read_bytes`, `read_written` and `WrittenSet.settled`.
    """
    known = Known(pipelines, tuple(destinations), profiles)
    return read_written(str(file), read_bytes(file)).settled(known)


def _validated(name: str, values: Mapping[str, Any]) -> WrittenRules:
    try:
        return WrittenRules.model_validate(values)
    except ValidationError as error:
        found = describe(schema_findings(error, values))
        raise SettingsError("rules-invalid", file=name, findings=found) from error
