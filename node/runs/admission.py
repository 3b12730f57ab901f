"""Whether a run whose turn has come may start now: asked by the worker that would start it, in its transaction."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.clock import Clock
from node.priority import Priority
from node.runs.tables import EVERY_PIPELINE, PauseRow, RunRow
from node.settings import StartSection
from pipelines.contract import Reason


class Admission:
    """Says which runs may start.

    Parameters
    ----------
    start
        The hours of each class of urgency.
    clock
        The node's.
    """

    def __init__(self, start: StartSection, clock: Clock) -> None:
        self._start = start
        self._clock = clock

    def reason_against(self, session: Session, run: RunRow) -> Reason | None:
        """Return why the run may not start now, or None.

        Returns
        -------
        Reason or None
            ``run-paused`` with who paused what; ``run-outside-hours`` with the time when its class may start.
        """
        asked = (
            select(PauseRow).where(PauseRow.pipeline.in_((EVERY_PIPELINE, run.pipeline))).order_by(PauseRow.pipeline)
        )
        pause = session.scalars(asked).first()
        if pause is not None:
            return Reason("run-paused", {"what": pause.pipeline or "the node", "by": pause.by, "reason": pause.reason})
        hours = self._start.hours_of(Priority(run.priority))
        now = self._clock.now()
        if hours is None or hours.contain(now, self._start.zone):
            return None
        begin = hours.next_begin(now, self._start.zone).astimezone(self._start.zone)
        return Reason("run-outside-hours", {"priority": run.priority, "begin": f"{begin:%Y-%m-%d %H:%M %Z}"})
