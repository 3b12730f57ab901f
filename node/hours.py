"""Hours of the day in a place: from one time of its clocks to another, over midnight too."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

_WRITTEN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Hours:
    """From `begin`, included, to `end`, excluded, as the clocks of a place show it; over midnight where `end` is less.

    In the night in which clocks are put back, an hour that comes twice is inside both times, or outside both; in the
    night in which they are put forward, hours that begin in the hour that is left out begin after it.
    """

    begin: time
    end: time

    @classmethod
    def parse(cls, written: str) -> Hours:
        """Return the hours that are written as ``20:00-06:00``.

        Raises
        ------
        ValueError
            Otherwise written, or of no length: that could mean never or always.
        """
        match = _WRITTEN.fullmatch(written)
        if match is None:
            raise ValueError(f"{written!r} names no hours: write them as 20:00-06:00")
        first, second, third, fourth = map(int, match.groups())
        hours = cls(time(first, second), time(third, fourth))
        if hours.begin == hours.end:
            raise ValueError(f"{written!r} has no length: leave it out where runs may start at any time")
        return hours

    def contain(self, now: datetime, zone: ZoneInfo) -> bool:
        """Return whether it is one of these hours in `zone` at `now`, a time with an offset."""
        there = now.astimezone(zone).time()
        if self.begin < self.end:
            return self.begin <= there < self.end
        return there >= self.begin or there < self.end

    def next_begin(self, now: datetime, zone: ZoneInfo) -> datetime:
        """Return when they begin next after `now`, a time with an offset, in UTC."""
        today = now.astimezone(zone).date()
        days = (today + timedelta(days=number) for number in range(3))
        begins = [datetime.combine(day, self.begin, zone).astimezone(UTC) for day in days]
        return next(begin for begin in begins if begin > now)
