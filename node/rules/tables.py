"""The tables of rule sets: versions, which never change, and which of them decided from when on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from node.database.base import Base


class RulesVersionRow(Base):
    """A version of the rule set; written once, never changed.

    Attributes
    ----------
    sha256
        Of the file's bytes, in hex.
    content
        The file as it was imported, comments and all.
    parsed
        What it says, by the schema's keys: what decides.
    author
        Kind and name of who imported it.
    """

    __tablename__ = "rules_versions"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sha256: Mapped[str] = mapped_column(unique=True)
    content: Mapped[str] = mapped_column(Text)
    parsed: Mapped[dict[str, Any]]
    author: Mapped[str]
    note: Mapped[str]
    imported_at: Mapped[datetime]


class RulesActivationRow(Base):
    """A version began to decide; the row with the highest sequence is the one in force.

    Attributes
    ----------
    replaced
        The version that decided until then; NULL for the first.
    act
        ``seed`` (the first start), ``activate`` or ``return``.
    author
        Kind and name of who did it.
    """

    __tablename__ = "rules_activations"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(ForeignKey("rules_versions.number"))
    replaced: Mapped[int | None]
    act: Mapped[str]
    author: Mapped[str]
    note: Mapped[str]
    activated_at: Mapped[datetime]
