"""What is watched, and how it was when it was looked at."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from node.database.base import Base


class WatchRow(Base):
    """One thing that is watched.

    Attributes
    ----------
    subject
        ``scanner NAME``, ``destination NAME`` or ``disk of MACHINE``.
    failing, since
        Whether something is amiss, and since when that is so or is not so.
    """

    __tablename__ = "watched"

    subject: Mapped[str] = mapped_column(primary_key=True)
    failing: Mapped[bool]
    since: Mapped[datetime]
    reason_code: Mapped[str | None]
    reason_parameters: Mapped[dict[str, Any] | None]
