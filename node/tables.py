"""Every table of ours, gathered from the rooms, for Alembic and for tests."""

from __future__ import annotations

from sqlalchemy import MetaData

from node.archive import tables as _archive  # noqa: F401 (registers its tables)
from node.audit import tables as _audit  # noqa: F401
from node.database.base import Base
from node.deliver import tables as _deliver  # noqa: F401
from node.machines import tables as _machines  # noqa: F401
from node.notify import tables as _notify  # noqa: F401
from node.release import tables as _release  # noqa: F401
from node.rules import tables as _rules  # noqa: F401
from node.runs import tables as _runs  # noqa: F401
from node.watch import tables as _watch  # noqa: F401


def metadata() -> MetaData:
    """Return the metadata of all rooms' tables."""
    return Base.metadata
