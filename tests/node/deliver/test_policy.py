"""What a status means, and how long to wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.deliver.policy import Meaning, given_up, meaning_of, wait_after
from node.settings import DeliverySection


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (0x0000, Meaning.STORED),
        (0xB000, Meaning.STORED),
        (0xB006, Meaning.STORED),
        (0xB007, Meaning.STORED),
        (0x0111, Meaning.STORED),
        (0xA700, Meaning.AGAIN),
        (0xA701, Meaning.AGAIN),
        (0x0213, Meaning.AGAIN),
        (0xA900, Meaning.NEVER),
        (0xC000, Meaning.NEVER),
        (0x0122, Meaning.NEVER),
        (0x0124, Meaning.NEVER),
        (0x0110, Meaning.AGAIN),
        (0x0210, Meaning.AGAIN),
        (0xFE00, Meaning.AGAIN),
    ],
)
def test_status_as_the_standard_says(status: int, meaning: Meaning) -> None:
    assert meaning_of(status) is meaning


@given(st.integers(0, 0xFFFF))
def test_only_success_and_warnings_count_as_stored(status: int) -> None:
    stored = meaning_of(status) is Meaning.STORED
    assert stored == (status in {0x0000, 0x0111} or 0xB000 <= status <= 0xBFFF)


@given(st.integers(1, 10_000))
def test_waits_never_shrink_and_stay_at_the_last(attempt: int) -> None:
    settings = DeliverySection(retry_seconds=(1.0, 5.0, 30.0))
    assert wait_after(attempt, settings) <= wait_after(attempt + 1, settings) <= 30.0


@pytest.mark.hazard("HAZ-11")
def test_it_is_given_up_after_the_time_that_was_set() -> None:
    settings = DeliverySection(give_up_after_hours=1)
    began = datetime(2026, 1, 1, tzinfo=UTC)
    assert not given_up(began, began + timedelta(minutes=59), settings)
    assert given_up(began, began + timedelta(minutes=61), settings)
