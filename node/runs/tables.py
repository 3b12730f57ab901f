"""Decisions and runs: what was decided for a study, what was computed for it, from what, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from node.database.base import Base

EVERY_PIPELINE = ""
"""The key of the pause of the whole node."""

REFERENCE = "reference"
"""Status of models that are for research only."""


class DecisionRow(Base):
    """What the rules said of one revision of a study, with the explanation.

    Attributes
    ----------
    ruleset_number, ruleset_version
        Number and SHA-256 of the version that decided; the number is NULL for decisions of rule files, before there
        were versions.
    """

    __tablename__ = "decisions"
    __table_args__ = (UniqueConstraint("study_uid", "revision"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    study_uid: Mapped[str] = mapped_column(ForeignKey("studies.study_uid"))
    revision: Mapped[int]
    ruleset_number: Mapped[int | None]
    ruleset_version: Mapped[str]
    explanation: Mapped[dict[str, Any]]
    decided_at: Mapped[datetime]


class RunRow(Base):
    """One computation of a pipeline for a study.

    Attributes
    ----------
    revision
        The latest revision of the study that ordered it.
    """

    __tablename__ = "runs"
    __table_args__ = (Index("ix_runs_study", "study_uid"), Index("ix_runs_state", "state"))

    run_id: Mapped[str] = mapped_column(primary_key=True)
    study_uid: Mapped[str] = mapped_column(ForeignKey("studies.study_uid"))
    revision: Mapped[int]
    correlation_id: Mapped[str]
    rule: Mapped[str]
    pipeline: Mapped[str]
    pipeline_version: Mapped[str]
    models: Mapped[dict[str, Any]]
    """Name, version, SHA-256 and status of the model package in each role."""
    configuration: Mapped[dict[str, Any]]
    profile: Mapped[dict[str, Any]]
    """The planning profile's own values: the settings may name others when the run begins."""
    run_number: Mapped[int]
    priority: Mapped[str]
    """Its class of urgency, by which a site may give it hours."""
    due: Mapped[int]
    """The job engine's priority: the second at which it is due."""
    attempts: Mapped[int] = mapped_column(default=1)
    """How many jobs were enqueued for it; the last one has this number."""
    postponed: Mapped[int] = mapped_column(default=0)
    """How often a passing fault put it off."""
    destinations: Mapped[list[str]]
    release_policy: Mapped[str] = mapped_column(default="hold")
    """As the rule says: `hold`, or `automatic` where every check passed and each model is approved."""
    state: Mapped[str]
    reason_code: Mapped[str | None]
    reason_parameters: Mapped[dict[str, Any] | None]
    stage: Mapped[str] = mapped_column(default="")
    progress: Mapped[float] = mapped_column(default=0.0)
    verdict: Mapped[str | None]
    checks: Mapped[list[dict[str, Any]] | None]
    stages: Mapped[dict[str, Any] | None]
    previews: Mapped[dict[str, Any] | None]
    queued_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    """When the first attempt began; the dates in the outputs are this one."""
    finished_at: Mapped[datetime | None]
    released_by: Mapped[str | None]
    release_reason: Mapped[str | None]

    inputs: Mapped[list[RunInputRow]] = relationship(order_by="RunInputRow.id", cascade="all, delete-orphan")
    objects: Mapped[list[RunObjectRow]] = relationship(order_by="RunObjectRow.position", cascade="all, delete-orphan")

    @property
    def research_only(self) -> bool:
        """Whether one of its models is for research only, and so its result."""
        return any(model["status"] == REFERENCE for model in self.models.values())


class PauseRow(Base):
    """While it is there, no run of this pipeline starts, or of any pipeline: `EVERY_PIPELINE`."""

    __tablename__ = "pauses"

    pipeline: Mapped[str] = mapped_column(primary_key=True)
    by: Mapped[str]
    reason: Mapped[str]
    since: Mapped[datetime]


class RunInputRow(Base):
    """One instance of the frozen list that a run reads."""

    __tablename__ = "run_inputs"

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.run_id"), index=True)
    slot: Mapped[str]
    sop_instance_uid: Mapped[str]
    sha256: Mapped[str]
    location: Mapped[str]


class RunObjectRow(Base):
    """One object that a run made, in the order of sending."""

    __tablename__ = "run_objects"
    __table_args__ = (UniqueConstraint("run_id", "position"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.run_id"), index=True)
    position: Mapped[int]
    sop_instance_uid: Mapped[str] = mapped_column(unique=True)
    sop_class_uid: Mapped[str]
    series_uid: Mapped[str]
    sha256: Mapped[str]
    location: Mapped[str]
