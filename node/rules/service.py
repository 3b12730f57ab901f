"""The service of the rule set: drafts are imported, a version is activated, and one step back is one act."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from node.access import Permission
from node.actor import Actor
from node.audit import AuditTrail
from node.audit.trail import Recording
from node.clock import Clock
from node.database import Database
from node.errors import Permanent, Refusal
from node.rules.cases import run_tests
from node.rules.events import activation_refused, rules_activated, rules_imported
from node.rules.findings import Finding, describe, errors
from node.rules.reach import find_unreachable
from node.rules.reading import WrittenSet, read_bytes, read_written
from node.rules.settle import Known
from node.rules.tables import RulesActivationRow, RulesVersionRow
from node.rules.versions import Versions

SEEDER = Actor.service("supervisor")

_FIRST_NOTE = "The rules that this node starts with."


@dataclass(frozen=True, slots=True)
class Imported:
    """A draft that was imported: its number, and what is found in it that keeps it from being activated, or may."""

    number: int
    sha256: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Activated:
    """A version that decides from now on, and the one that did until now."""

    number: int
    replaced: int | None
    findings: tuple[Finding, ...]


class RulesService:
    """Keeps the versions of the rule set.

    Parameters
    ----------
    database, trail, clock
        The node's parts.
    known
        Returns what rules may name at this node, as it is installed now.
    """

    def __init__(self, database: Database, trail: AuditTrail, clock: Clock, known: Callable[[], Known]) -> None:
        self._database = database
        self._trail = trail
        self._clock = clock
        self._known = known

    def import_draft(self, name: str, content: bytes, by: Actor, note: str) -> Imported:
        """Keep a rule file as the next version. It decides nothing until it is activated.

        Parameters
        ----------
        name, content
            What people call the file, and its bytes.
        by, note
            The person who imports it, and what is new in it.

        Raises
        ------
        Refusal
            Those of `node.access.check`; ``rules-need-note``; ``rules-version-known``: the same bytes are a version
            already.
        SettingsError
            The file is no rule file (`read_written`); what else is wrong with it is found, and kept from activation.
        """
        self._trail.check_access(by, Permission.IMPORT_RULES)
        _check_note(note)
        draft = read_written(name, content)
        findings = check(draft, self._known())
        with self._trail.recording() as recording:
            version = self._keep(recording, draft, content, by, note)
        return Imported(version.number, version.sha256, findings)

    def check_version(self, number: int) -> tuple[Finding, ...]:
        """Return what is found in a version, as it would be used here and now.

        Raises
        ------
        Refusal
            ``rules-version-unknown``.
        """
        with self._database.read() as session:
            draft = Versions(session).written(number)
        return check(draft, self._known())

    def check_file(self, name: str, content: bytes) -> tuple[Finding, ...]:
        """Return what is found in a rule file, as it would be used here and now."""
        return check(read_written(name, content), self._known())

    def activate(self, number: int, by: Actor, note: str) -> Activated:
        """Have a version decide from now on, in running processes too. A version with an error is not activated.

        Raises
        ------
        Refusal
            Those of `node.access.check`; ``rules-need-note``; ``rules-version-unknown``; ``rules-active-already``;
            ``rules-not-activated`` with what was found; ``rules-active-changed`` when another person activated
            something between the check and the act. All but the first three are audited.
        """
        self._trail.check_access(by, Permission.ACTIVATE_RULES)
        with self._database.read() as session:
            active = Versions(session).active_number
            Versions(session).version(number)
        return self._activate(number, active, "activate", by, note)

    def return_to_previous(self, by: Actor, note: str) -> Activated:
        """Activate the version that decided before the present one; done twice, it takes itself back.

        Raises
        ------
        Refusal
            As `activate`; ``rules-nothing-before`` when the first version is still the active one.
        """
        self._trail.check_access(by, Permission.ACTIVATE_RULES)
        with self._database.read() as session:
            activation = Versions(session).activation
        if activation is None or activation.replaced is None:
            raise Refusal("rules-nothing-before")
        return self._activate(activation.replaced, activation.number, "return", by, note)

    def seed(self, file: Path) -> RulesVersionRow | None:
        """Import and activate a file's rules at the first start; afterwards do nothing, and return None.

        Raises
        ------
        SettingsError
            The file cannot be used, and there is nothing else that could decide.
        """
        with self._database.read() as session:
            if Versions(session).latest_number:
                return None
        content = read_bytes(file)
        draft = read_written(str(file), content)
        draft.settled(self._known())
        with self._trail.recording() as recording:
            if Versions(recording.session).latest_number:
                return None
            version = self._keep(recording, draft, content, SEEDER, _FIRST_NOTE)
            self._put_in_force(recording, version, "seed", SEEDER, _FIRST_NOTE)
        return version

    def _activate(self, number: int, active: int | None, act: str, by: Actor, note: str) -> Activated:
        """Check a version and activate it in place of `active`, the one that was in force when `by` decided."""
        _check_note(note)
        try:
            if number == active:
                raise Refusal("rules-active-already", number=number)
            findings = self.check_version(number)
            if wrong := errors(findings):
                raise Refusal("rules-not-activated", number=number, findings=describe(wrong))
            with self._trail.recording() as recording:
                versions = Versions(recording.session)
                if versions.active_number != active:
                    raise Refusal("rules-active-changed", number=number, active=str(versions.active_number))
                self._put_in_force(recording, versions.version(number), act, by, note)
        except Permanent as refusal:
            with self._trail.recording() as recording:
                recording.record(activation_refused(number, act, by, refusal.reason))
            raise
        return Activated(number, active, findings)

    def _keep(self, recording: Recording, draft: WrittenSet, content: bytes, by: Actor, note: str) -> RulesVersionRow:
        versions = Versions(recording.session)
        if (known := versions.with_hash(draft.sha256)) is not None:
            raise Refusal("rules-version-known", number=known.number)
        version = RulesVersionRow(
            number=versions.latest_number + 1,
            sha256=draft.sha256,
            content=content.decode("utf-8"),
            parsed=draft.written.model_dump(mode="json", by_alias=True),
            author=str(by),
            note=note.strip(),
            imported_at=self._clock.now(),
        )
        recording.session.add(version)
        recording.session.flush()
        recording.record(rules_imported(version, by))
        return version

    def _put_in_force(self, recording: Recording, version: RulesVersionRow, act: str, by: Actor, note: str) -> None:
        session: Session = recording.session
        before = Versions(session).activation
        activation = RulesActivationRow(
            sequence=1 if before is None else before.sequence + 1,
            number=version.number,
            replaced=None if before is None else before.number,
            act=act,
            author=str(by),
            note=note.strip(),
            activated_at=self._clock.now(),
        )
        session.add(activation)
        session.flush()
        recording.record(rules_activated(activation, version, by))


def check(draft: WrittenSet, known: Known) -> tuple[Finding, ...]:
    """Return everything that is found in a rule set as it would be used with what is `known`.

    Only where every rule can be used is it looked at which of them can never match, and are their tests run.
    """
    ruleset, findings = draft.settle(known)
    if errors(findings):
        return findings
    return (*findings, *find_unreachable(ruleset.rules), *run_tests(ruleset, draft.written.tests))


def _check_note(note: str) -> None:
    if not note.strip():
        raise Refusal("rules-need-note")
