"""What a demo found: its stages, its checks, and whether all held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from node.demo.accuracy import Accuracy
from node.demo.journey import Journey
from node.demo.source import SourceStudy
from node.demo.verification import DemoCheck

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class StageTime:
    """A part of the way and its seconds."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class DemoResult:
    """A demo at its end.

    Attributes
    ----------
    source
        What was sent.
    journey
        How it went.
    checks
        The demo's own checks.
    accuracy
        Error against the truth; None without one.
    pictures
        Where the pictures and the report lie, by file name.
    truth
        Folder of the phantom's true CT as a DICOM series; None where the truth is not known.
    out
        The demo's folder.
    audit_valid
        Whether the audit trail verifies.
    """

    source: SourceStudy
    journey: Journey
    checks: tuple[DemoCheck, ...]
    accuracy: Accuracy | None
    pictures: dict[str, Path]
    truth: Path | None
    out: Path
    audit_valid: bool

    @property
    def all_held(self) -> bool:
        """Whether the study arrived and every check held."""
        return self.journey.delivered is not None and bool(self.checks) and all(check.held for check in self.checks)

    @property
    def exit_status(self) -> int:
        """0 only if all held."""
        return 0 if self.all_held else 1

    @property
    def stages(self) -> tuple[StageTime, ...]:
        """Every part of the way in order; together they are the whole time."""
        return tuple(StageTime(name, round(seconds, 3)) for name, seconds in _stages(self.journey))

    @property
    def seconds(self) -> float:
        """From the first byte sent to the node to the last object's status from the PACS."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def share_not_inference(self) -> float | None:
        """Share of the whole time that is not the network's; None when nothing was computed."""
        inference = sum(stage.seconds for stage in self.stages if stage.name == "infer")
        return 1.0 - inference / self.seconds if inference and self.seconds else None

    def to_json(self) -> dict[str, Any]:
        """Return the result as `synthnode demo --json` prints it."""
        run, share = self.journey.run, self.share_not_inference
        return {
            "schema": SCHEMA,
            "ok": self.all_held,
            "study_uid": self.source.study_uid,
            "instances_sent": len(self.source.files),
            "rule": None if run is None else run.rule,
            "pipeline": None if run is None else run.pipeline,
            "models": {}
            if run is None
            else {
                role: {"name": model.name, "version": model.version, "sha256": model.sha256}
                for role, model in run.models.items()
            },
            "stages": [asdict(stage) for stage in self.stages],
            "checks": [
                {"name": check.name, "verdict": check.verdict, "reason": check.reason}
                for check in (() if run is None else run.checks)
            ],
            "verdict": None if run is None else run.verdict,
            "held": self.journey.held is not None,
            "released_by": None if run is None else run.released_by,
            "outputs": [] if run is None else [asdict(output) for output in run.outputs],
            "delivered": self.journey.delivered is not None,
            "audit_valid": self.audit_valid,
            "demo_checks": [asdict(check) for check in self.checks],
            "error_against_truth": None if self.accuracy is None else _rounded(self.accuracy),
            "seconds": round(self.seconds, 3),
            "share_not_inference": None if share is None else round(share, 4),
            "why_not": self.journey.why_not,
            "truth": None if self.truth is None else str(self.truth),
            "pictures": {name: str(path) for name, path in self.pictures.items()},
            "out": str(self.out),
        }


def _rounded(accuracy: Accuracy) -> dict[str, dict[str, float]]:
    return {
        method: {name: round(value, 3) for name, value in figures.items()}
        for method, figures in asdict(accuracy).items()
    }


def _stages(journey: Journey) -> Iterator[tuple[str, float]]:
    yield "send", (journey.sent - journey.sending_from).total_seconds()
    run = journey.run
    if run is None:
        return
    queued, started = _moment(run.queued_at), _moment(run.started_at)
    if queued is not None:
        yield "settle", (queued - journey.sent).total_seconds()
    if queued is not None and started is not None:
        yield "queue", (started - queued).total_seconds()
    yield from ((stage.name, stage.seconds) for stage in run.stages)
    if started is not None and journey.held is not None:
        within = sum(stage.seconds for stage in run.stages)
        yield "keep", (journey.held - started).total_seconds() - within
    if journey.held is not None and journey.released is not None:
        yield "release", (journey.released - journey.held).total_seconds()
    if journey.released is not None and journey.delivered is not None:
        yield "deliver", (journey.delivered - journey.released).total_seconds()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
