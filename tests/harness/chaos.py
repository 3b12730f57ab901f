"""What the story of chaos needs: a log of every job's states, made by the database itself, and what it shows.

The log is a table of the test's own, filled by triggers on the job engine's table, so that no state is missed however
short it was, and none is invented by whoever is killed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, text

_RUN = "substr(NEW.workflow_uuid, 1, 4) = 'run/'"

_SQLITE = (
    "CREATE TABLE chaos (number INTEGER PRIMARY KEY, at REAL, job TEXT, status TEXT, priority INTEGER, executor TEXT)",
    *(
        f"CREATE TRIGGER chaos_{name} AFTER {name} ON workflow_status WHEN {_RUN} BEGIN "
        "INSERT INTO chaos (at, job, status, priority, executor) VALUES ((julianday('now') - 2440587.5) * 86400, "
        "NEW.workflow_uuid, NEW.status, NEW.priority, NEW.executor_id); END"
        for name in ("INSERT", "UPDATE")
    ),
)

_POSTGRESQL = (
    "CREATE TABLE chaos (number BIGSERIAL, at FLOAT, job TEXT, status TEXT, priority INTEGER, executor TEXT)",
    "CREATE FUNCTION chaos() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "INSERT INTO public.chaos (at, job, status, priority, executor) VALUES (extract(epoch from clock_timestamp()), "
    "NEW.workflow_uuid, NEW.status, NEW.priority, NEW.executor_id); RETURN NULL; END $$",
    "CREATE TRIGGER chaos AFTER INSERT OR UPDATE ON dbos.workflow_status FOR EACH ROW "
    f"WHEN ({_RUN}) EXECUTE FUNCTION chaos()",
)

READY, BEGUN = "ENQUEUED", "PENDING"

SLACK_S = 0.5
"""Two that look at once take the first and the second; whoever takes the second may be noted first."""


@dataclass(frozen=True, slots=True)
class Noted:
    """A job came into a state.

    Attributes
    ----------
    at
        Seconds since 1970 by the database's clock.
    job, status, priority, executor
        The job engine's.
    """

    at: float
    job: str
    status: str
    priority: int
    executor: str


def watch_jobs(database: Engine) -> None:
    """Have the database note every state of every job from now on."""
    with database.begin() as connection:
        for statement in _SQLITE if database.dialect.name == "sqlite" else _POSTGRESQL:
            connection.exec_driver_sql(statement)


def noted(database: Engine) -> list[Noted]:
    """Return what was noted, changes of a state alone, in the order of time."""
    with database.connect() as connection:
        rows = connection.execute(text("SELECT at, job, status, priority, executor FROM chaos ORDER BY at, number"))
        found = [Noted(row[0], row[1], row[2], row[3], row[4] or "") for row in rows]
    last: dict[str, tuple[str, str]] = {}
    changes = []
    for one in found:
        if last.get(one.job) != (one.status, one.executor):
            last[one.job] = (one.status, one.executor)
            changes.append(one)
    return changes


def overtaken(states: Sequence[Noted]) -> list[str]:
    """Return each begin of a job while one of a smaller priority number was ready all the time around it."""
    found = []
    for begin in states:
        if begin.status != BEGUN:
            continue
        for job, intervals in _ready(states).items():
            for since, until, priority in intervals:
                if priority < begin.priority and since < begin.at - SLACK_S and until > begin.at + SLACK_S:
                    found.append(f"{begin.job} ({begin.priority}) began while {job} ({priority}) was ready")
    return found


def _ready(states: Sequence[Noted]) -> Mapping[str, Sequence[tuple[float, float, int]]]:
    """Return from when until when each job was ready."""
    found: dict[str, list[tuple[float, float, int]]] = {}
    since: dict[str, Noted] = {}
    for one in states:
        if one.status == READY:
            since.setdefault(one.job, one)
        elif (ready := since.pop(one.job, None)) is not None:
            found.setdefault(one.job, []).append((ready.at, one.at, ready.priority))
    for job, ready in since.items():
        found.setdefault(job, []).append((ready.at, float("inf"), ready.priority))
    return found
