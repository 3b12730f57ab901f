"""Tables of the machines: the node itself, and who is at work on its jobs."""

from __future__ import annotations

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from node.database import Base


class NodeRow(Base):
    """The one row that says which node this database belongs to.

    Attributes
    ----------
    node
        The node's id, which its shared folder holds as well.
    start
        Drawn at each start of ``synthnode serve``, and written into the shared folder: who reads another one there
        looks at a copy.
    version
        The release that was started last; machines of another release take no jobs.
    """

    __tablename__ = "node"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    node: Mapped[str]
    start: Mapped[str]
    version: Mapped[str]


class ExecutorLeaseRow(Base):
    """A process that takes jobs, and until when nobody may take over what it began.

    Attributes
    ----------
    executor
        As the job engine knows it: ``MACHINE/PROCESS``.
    machine, machine_id
        Where it runs.
    incarnation
        Drawn at each start of the process: one that was taken for dead and goes on finds another one here, or no row.
    version
        The release that it runs.
    renewed_ms, expires_ms
        Milliseconds since 1970 by the database's clock.
    """

    __tablename__ = "executor_leases"

    executor: Mapped[str] = mapped_column(primary_key=True)
    machine: Mapped[str]
    machine_id: Mapped[str]
    incarnation: Mapped[str]
    version: Mapped[str]
    renewed_ms: Mapped[int] = mapped_column(BigInteger)
    expires_ms: Mapped[int] = mapped_column(BigInteger)
