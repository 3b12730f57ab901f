"""Hours of the day: over midnight, in the nights in which clocks are changed, and never of no length."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import SettingsError
from node.hours import Hours
from node.settings import load_settings

BERLIN = ZoneInfo("Europe/Berlin")
TIMES = st.times().map(lambda time: time.replace(second=0, microsecond=0))
NOWS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("written", "now", "inside"),
    [
        ("20:00-06:00", datetime(2026, 1, 1, 19, 0, tzinfo=UTC), True),
        ("20:00-06:00", datetime(2026, 1, 1, 18, 59, tzinfo=UTC), False),
        ("20:00-06:00", datetime(2026, 1, 1, 23, 0, tzinfo=UTC), True),
        ("20:00-06:00", datetime(2026, 1, 2, 5, 0, tzinfo=UTC), False),
        ("00:00-06:00", datetime(2026, 1, 1, 23, 0, tzinfo=UTC), True),
        ("12:00-13:00", datetime(2026, 7, 1, 10, 30, tzinfo=UTC), True),
        # 2026-03-29 02:00 to 03:00 does not exist there, 2026-10-25 02:00 to 03:00 comes twice.
        ("02:30-05:00", datetime(2026, 3, 29, 0, 59, tzinfo=UTC), False),
        ("02:30-05:00", datetime(2026, 3, 29, 1, 0, tzinfo=UTC), True),
        ("02:00-03:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), True),
        ("02:00-03:00", datetime(2026, 10, 25, 1, 30, tzinfo=UTC), True),
        ("02:00-03:00", datetime(2026, 10, 25, 2, 0, tzinfo=UTC), False),
    ],
)
def test_hours_are_those_that_the_clocks_of_the_place_show(written: str, now: datetime, inside: bool) -> None:
    assert Hours.parse(written).contain(now, BERLIN) is inside


@given(TIMES, TIMES, NOWS)
def test_what_waits_for_the_next_begin_may_start_then(begin, end, now: datetime) -> None:
    if begin == end:
        return
    hours = Hours(begin, end)
    following = hours.next_begin(now, BERLIN)
    assert now < following < now + timedelta(hours=26)
    length = (datetime.combine(now, end) - datetime.combine(now, begin)) % timedelta(days=1)
    if length > timedelta(hours=1):  # shorter ones may fall into the hour that one night leaves out
        assert hours.contain(following, BERLIN)


@pytest.mark.parametrize("written", ["20:00", "20:00-20:00", "24:00-06:00", "8-9", "20:00-06:00 "])
def test_what_names_no_hours_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"hours|length"):
        Hours.parse(written)


@pytest.mark.parametrize(
    "start",
    ["{hours: {STAT: '20:00-06:00'}}", "{hours: {ROUTINE: '8-9'}}", "{time_zone: Mars/Olympus}", "{time_zone: ../x}"],
)
def test_settings_that_name_no_hours_do_not_start_a_node(tmp_path, start: str) -> None:
    (tmp_path / "node.yaml").write_text(f"schema: 1\nstart: {start}\n")
    with pytest.raises(SettingsError, match="settings-invalid"):
        load_settings(tmp_path / "node.yaml")
