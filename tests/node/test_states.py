"""The one table of states: every state is in it, every end is an end, and nothing else may follow."""

from __future__ import annotations

import pytest

from node.errors import Refusal
from node.states import TRANSITIONS, DeliveryState, RunState, StudyState, check_transition, successors


@pytest.mark.hazard("HAZ-11")
def test_every_state_has_its_row() -> None:
    for kind in (StudyState, RunState, DeliveryState):
        assert set(TRANSITIONS[kind]) == set(kind)
        assert all(type(state) is kind for follow in TRANSITIONS[kind].values() for state in follow)


_ENDS_OF_DELIVERIES = (DeliveryState.DELIVERED, DeliveryState.CANCELLED)


def test_what_is_sent_or_rejected_stays_so() -> None:
    for end in (RunState.REJECTED, RunState.REFUSED, RunState.RECALLED, *_ENDS_OF_DELIVERIES):
        assert successors(end) == frozenset()
    assert successors(RunState.SUPERSEDED) == {RunState.RECALLED}, "what was sent of it"
    assert successors(RunState.DELIVERED) == {RunState.RELEASED, RunState.RECALLED}, "to further destinations"


@pytest.mark.hazard("HAZ-10")
def test_nothing_is_released_that_was_not_held() -> None:
    before = {state for state in RunState if RunState.RELEASED in successors(state)}
    released_before = {RunState.DELIVERED, RunState.UNDELIVERED}
    assert before == {RunState.HELD} | released_before
    for state in released_before:
        assert {other for other in RunState if state in successors(other)} == {RunState.RELEASED}


@pytest.mark.parametrize("current", list(RunState))
@pytest.mark.parametrize("new", list(RunState))
def test_transitions_follow_the_table(current: RunState, new: RunState) -> None:
    if new in successors(current):
        check_transition(current, new)
    else:
        with pytest.raises(Refusal, match="state-transition"):
            check_transition(current, new)
