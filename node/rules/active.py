"""The rules in force: the active version, read once in each process and again when another one is activated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from models.errors import ModelsError
from node.clock import Clock
from node.database import Database
from node.errors import Permanent, SettingsError, Transient
from node.rules.ruleset import RuleSet
from node.rules.settle import Known
from node.rules.versions import Versions

_TRY_AGAIN = timedelta(seconds=30)
"""After this long a version that could not be used is looked at again: somebody may have installed what it names."""


@dataclass(frozen=True, slots=True)
class RulesInForce:
    """The active version, and what its rules name, as it was installed when the version was read."""

    number: int
    ruleset: RuleSet
    known: Known


@dataclass(frozen=True, slots=True)
class _Unusable:
    number: int
    found: str
    since: datetime


class ActiveRules:
    """Reads the active version.

    Parameters
    ----------
    database, clock
        The node's parts.
    known
        Returns what rules may name at this node, as it is installed now.
    """

    def __init__(self, database: Database, clock: Clock, known: Callable[[], Known]) -> None:
        self._database = database
        self._clock = clock
        self._known = known
        self._read: RulesInForce | _Unusable | None = None

    def read(self) -> RulesInForce:
        """Return the rules in force, read anew when another version was activated since; asked outside transactions.

        Raises
        ------
        SettingsError
            ``rules-none`` when no version was ever activated; ``rules-unusable`` when the active one cannot decide
            here, as when a pipeline that it names is not installed any more.
        """
        with self._database.read() as session:
            versions = Versions(session)
            number = versions.active_number
            if number is None:
                raise SettingsError("rules-none")
            if not self._is_current(number):
                self._read = self._settle(versions, number)
        assert self._read is not None
        if isinstance(self._read, _Unusable):
            raise SettingsError("rules-unusable", number=number, found=self._read.found)
        return self._read

    def check_unchanged(self, session: Session, rules: RulesInForce) -> None:
        """Check in a transaction that `rules` are in force still.

        Raises
        ------
        Transient
            ``rules-changed``: another version was activated since they were read.
        """
        number = Versions(session).active_number
        if number != rules.number:
            raise Transient("rules-changed", number=rules.number, active=str(number))

    def _is_current(self, number: int) -> bool:
        if self._read is None or self._read.number != number:
            return False
        return isinstance(self._read, RulesInForce) or self._clock.now() - self._read.since < _TRY_AGAIN

    def _settle(self, versions: Versions, number: int) -> RulesInForce | _Unusable:
        try:
            known = self._known()
            return RulesInForce(number, versions.written(number).settled(known), known)
        except Permanent as why:
            found = str(why.reason.parameters.get("findings", why.reason.code))
        except ModelsError as why:  # a folder of packages that is not in order
            found = str(why)
        return _Unusable(number, found, self._clock.now())
