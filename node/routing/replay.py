"""A replay: the studies of the past days decided by two rule sets, and what of it differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from node.database import Database
from node.routing.facts import past_studies
from node.rules import RuleSet, decide
from node.rules.changes import StudyChange, compare_decisions
from node.settings import Settings


@dataclass(frozen=True, slots=True)
class Replay:
    """What would have been decided otherwise.

    Attributes
    ----------
    studies
        How many studies were looked at.
    taken_by_active, taken_by_draft
        How many of them some rule takes, by the one rule set and by the other.
    changes
        The studies for which something differs, the latest first.
    """

    studies: int
    taken_by_active: int
    taken_by_draft: int
    changes: tuple[StudyChange, ...]

    @property
    def summary(self) -> Mapping[str, int]:
        """Counts."""
        return {
            "studies": self.studies,
            "changed": len(self.changes),
            "taken_by_active": self.taken_by_active,
            "taken_by_draft": self.taken_by_draft,
            "fires": sum(len(change.fires) for change in self.changes),
            "fires_no_longer": sum(len(change.fires_no_longer) for change in self.changes),
            "altered": sum(len(change.altered) for change in self.changes),
        }

    def to_json(self) -> dict[str, Any]:
        """Return the replay as JSON carries it, the summary first."""
        return {"summary": dict(self.summary), "changes": [change.to_json() for change in self.changes]}


def replay_rules(database: Database, settings: Settings, since: datetime, active: RuleSet, draft: RuleSet) -> Replay:
    """Decide every study that something was received of since then by both rule sets. Nothing is kept or locked."""
    studies, taken_by_active, taken_by_draft = 0, 0, 0
    changes: list[StudyChange] = []
    for facts in past_studies(database, settings, since):
        before, after = decide(active, facts), decide(draft, facts)
        studies += 1
        taken_by_active += bool(before.firings)
        taken_by_draft += bool(after.firings)
        change = compare_decisions(before, after)
        if change.is_change:
            changes.append(change)
    return Replay(studies, taken_by_active, taken_by_draft, tuple(changes))
