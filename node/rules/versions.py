"""Questions about the stored versions of the rule set."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from node.errors import Refusal
from node.rules.reading import WrittenSet, read_stored
from node.rules.tables import RulesActivationRow, RulesVersionRow


class Versions:
    """The stored versions and activations.

    Parameters
    ----------
    session
        For the questions; nothing is changed.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def all(self) -> Sequence[RulesVersionRow]:
        """Return every version, the latest first."""
        return self._session.scalars(select(RulesVersionRow).order_by(RulesVersionRow.number.desc())).all()

    def version(self, number: int) -> RulesVersionRow:
        """Return a version.

        Raises
        ------
        Refusal
            ``rules-version-unknown``.
        """
        row = self._session.get(RulesVersionRow, number)
        if row is None:
            raise Refusal("rules-version-unknown", number=number, latest=self.latest_number)
        return row

    def written(self, number: int) -> WrittenSet:
        """Return the rules of a version.

        Raises
        ------
        Refusal
            ``rules-version-unknown``.
        SettingsError
            ``rules-invalid`` when this software does not read it any more.
        """
        row = self.version(number)
        return read_stored(row.number, row.parsed, row.sha256)

    def with_hash(self, sha256: str) -> RulesVersionRow | None:
        """Return the version of that hash."""
        return self._session.scalars(select(RulesVersionRow).where(RulesVersionRow.sha256 == sha256)).one_or_none()

    @property
    def latest_number(self) -> int:
        """The highest number that was given; 0 before the first."""
        return self._session.scalar(select(func.max(RulesVersionRow.number))) or 0

    def activations(self) -> Sequence[RulesActivationRow]:
        """Return every activation, the latest first."""
        return self._session.scalars(select(RulesActivationRow).order_by(RulesActivationRow.sequence.desc())).all()

    @property
    def activation(self) -> RulesActivationRow | None:
        """The activation in force."""
        latest = select(RulesActivationRow).order_by(RulesActivationRow.sequence.desc()).limit(1)
        return self._session.scalars(latest).one_or_none()

    @property
    def active_number(self) -> int | None:
        """The version that decides."""
        return None if self.activation is None else self.activation.number


def difference(before: RulesVersionRow | None, after: RulesVersionRow) -> str:
    """Return how a version's text differs from another's, as a unified diff; of the first, all of it is new."""
    old = [] if before is None else before.content.splitlines()
    return "\n".join(
        difflib.unified_diff(
            old,
            after.content.splitlines(),
            "(nothing)" if before is None else f"version {before.number}",
            f"version {after.number}",
            lineterm="",
        )
    )
