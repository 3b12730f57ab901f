"""Times of this node as DICOM writes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from pydicom import Dataset

from pipelines.contract import RunIdentity


@dataclass(frozen=True, slots=True)
class Moment:
    """One time as DA, TM and DT values (PS3.5 6.2)."""

    date: str
    time: str
    datetime: str


def moment(run: RunIdentity, header: Dataset) -> Moment:
    """Return when the run began, as `local_moment` writes it."""
    return local_moment(run.started_at, header)


def local_moment(at: datetime, header: Dataset) -> Moment:
    """Return a time in the local time of `header` where that states its offset, else in UTC.

    A data set has one offset for all its dates and times (TimezoneOffsetFromUTC, PS3.3 C.12.1), and those copied from
    the source are the source's. DT values always carry their offset.
    """
    local = at.astimezone(_zone(str(header.get("TimezoneOffsetFromUTC") or "")))
    return Moment(f"{local:%Y%m%d}", f"{local:%H%M%S}", f"{local:%Y%m%d%H%M%S%z}")


def _zone(offset: str) -> timezone:
    try:
        found = datetime.strptime(offset.strip(), "%z").utcoffset()
    except ValueError:
        return UTC
    return timezone(found or timedelta())
