"""The one table of states: every state is in it, every end is an end, and nothing else may follow."""

from __future__ import annotations

import pytest

from node.errors import Refusal
from node.states import TRANSITIONS, DeliveryState, RunState, StudyState, advance


@pytest.mark.hazard("HAZ-11")
def test_every_state_has_its_row() -> None:
    assert set(TRANSITIONS) == {*StudyState, *RunState, *DeliveryState}


def test_what_is_sent_or_rejected_stays_so() -> None:
    for end in (RunState.DELIVERED, RunState.REJECTED, RunState.REFUSED, RunState.SUPERSEDED, DeliveryState.DELIVERED):
        assert TRANSITIONS[end] == frozenset()


@pytest.mark.hazard("HAZ-10")
def test_nothing_is_released_that_was_not_held() -> None:
    assert [state for state in RunState if RunState.RELEASED in TRANSITIONS[state]] == [RunState.HELD]


@pytest.mark.parametrize("current", list(RunState))
@pytest.mark.parametrize("new", list(RunState))
def test_advance_follows_the_table(current: RunState, new: RunState) -> None:
    if new in TRANSITIONS[current]:
        assert advance(current, new) is new
    else:
        with pytest.raises(Refusal, match="state-transition"):
            advance(current, new)
