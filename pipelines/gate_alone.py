"""A pipeline's input gate on a folder of series: which of them it would take, before anything is computed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pipelines.contract import Check, Declaration, Gate, Slot, Verdict
from pipelines.errors import PipelineError, UnreadableSeries
from pipelines.reading.folder import FolderSeries

READING = "reading"
"""Name of the check that a series can be read as a volume at all."""


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """What the gate says of one choice of series.

    Attributes
    ----------
    series
        The series by slot.
    checks
        All checks, those that pass included.
    seconds
        How long reading and checking took.
    """

    series: Mapping[str, FolderSeries]
    checks: tuple[Check, ...]
    seconds: float

    @property
    def verdict(self) -> Verdict:
        """The gravest of the checks' verdicts."""
        return Verdict.worst([check.verdict for check in self.checks])


def choices(
    declaration: Declaration, found: Sequence[FolderSeries], patterns: Mapping[str, str]
) -> tuple[Mapping[str, FolderSeries], ...]:
    """Return which series of a folder may fill the slots together.

    A pipeline of one slot may take any series of its modality, and each is a choice. Of several slots each must be
    filled by one series that no other takes.

    Parameters
    ----------
    declaration
        The pipeline's.
    found
        The folder's series.
    patterns
        By slot, what SeriesDescription must be like: ``*`` and ``?`` as in file names, capitals not told apart.

    Raises
    ------
    PipelineError
        ``input-slot-unknown``; ``slot-empty`` where no series fits a required slot; ``input-series-ambiguous`` where
        several do and the pipeline has more than one slot.
    """
    names = [slot.name for slot in declaration.slots]
    for unknown in sorted(patterns.keys() - set(names)):
        raise PipelineError("input-slot-unknown", slot=unknown, known=", ".join(names))
    fitting = {slot.name: _fitting(slot, found, patterns.get(slot.name)) for slot in declaration.slots}
    for slot in declaration.slots:
        if slot.required and not fitting[slot.name]:
            raise UnreadableSeries("slot-empty", slot=slot.name)
    if len(names) == 1:
        return tuple({names[0]: one} for one in fitting[names[0]])
    for name, series in fitting.items():
        if len(series) > 1:
            listed = ", ".join(one.description or one.uid for one in series)
            raise PipelineError("input-series-ambiguous", slot=name, found=len(series), descriptions=listed)
    return ({name: series[0] for name, series in fitting.items() if series},)


def ask_gate(gate: Gate, series: Mapping[str, FolderSeries]) -> GateVerdict:
    """Read the series and ask the gate; a series that cannot be read is refused with the reader's reason."""
    began = time.perf_counter()
    try:
        checks = gate({slot: list(one.read()) for slot, one in series.items()})
    except UnreadableSeries as why:
        checks = (Check(READING, Verdict.REJECT, why.reason),)
    return GateVerdict(series, checks, time.perf_counter() - began)


def _fitting(slot: Slot, found: Sequence[FolderSeries], pattern: str | None) -> list[FolderSeries]:
    if pattern is None:
        # An optional slot is filled by name only: what it would be given is no guess.
        return [one for one in found if one.modality == slot.modality] if slot.required else []
    return [one for one in found if fnmatchcase(one.description.casefold(), pattern.casefold())]
