"""The look at the order of jobs finds a job that overtook a more urgent one, and no other."""

from __future__ import annotations

import pytest
from chaos import BEGUN, READY, Noted, overtaken


def log(*lines: tuple[float, str, str, int]) -> list[Noted]:
    return [Noted(at, job, status, priority, "worker-0") for at, job, status, priority in lines]


URGENT_READY, URGENT_BEGUN = (1.0, "urgent", READY, 1), (9.0, "urgent", BEGUN, 1)


@pytest.mark.parametrize(("at", "found"), [(5.0, 1), (1.3, 0), (8.7, 0), (9.5, 0)])
def test_a_job_that_overtakes_a_more_urgent_one_is_found(at: float, found: int) -> None:
    lines = sorted([(0.0, "later", READY, 5), URGENT_READY, (at, "later", BEGUN, 5), URGENT_BEGUN])
    assert len(overtaken(log(*lines))) == found


def test_an_urgent_job_that_never_began_is_found_too() -> None:
    assert len(overtaken(log((0.0, "later", READY, 5), URGENT_READY, (5.0, "later", BEGUN, 5)))) == 1


def test_a_job_that_is_put_back_is_ready_again() -> None:
    put_back = (10.0, "urgent", READY, 1)
    lines = log((0.0, "later", READY, 5), URGENT_READY, URGENT_BEGUN, put_back, (12.0, "later", BEGUN, 5))
    assert len(overtaken(lines)) == 1
