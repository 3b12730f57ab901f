"""Recalls of released results, and approvals of models for automatic release: by whom, when and why."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from node.database.base import Base


class RecallRow(Base):
    """The recall of one result.

    Attributes
    ----------
    recalled_by, reason
        The person, and why.
    for_safety
        Whether the patient's safety is the reason, else the quality of the objects.
    replaced_by
        The run that was released in its place; NULL where a person recalled it.
    sop_instance_uid
        The rejection note, an object of the archive.
    """

    __tablename__ = "recalls"

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.run_id"), primary_key=True)
    recalled_at: Mapped[datetime]
    recalled_by: Mapped[str]
    reason: Mapped[str]
    for_safety: Mapped[bool]
    replaced_by: Mapped[str | None]
    sop_instance_uid: Mapped[str]


class ModelApprovalRow(Base):
    """The approval of one model package for automatic release at this site, and its end.

    Attributes
    ----------
    model, sha256
        The package's name and hash: a package of other content is not approved by it.
    approved_by, reason
        The person, and why.
    withdrawn_by, withdrawn_at
        Who withdrew it, and when; NULL while it is in force.
    """

    __tablename__ = "model_approvals"

    id: Mapped[int] = mapped_column(primary_key=True)
    model: Mapped[str]
    sha256: Mapped[str] = mapped_column(index=True)
    approved_by: Mapped[str]
    reason: Mapped[str]
    approved_at: Mapped[datetime]
    withdrawn_by: Mapped[str | None]
    withdrawn_at: Mapped[datetime | None]
