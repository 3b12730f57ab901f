"""What a run asks of the place that its samples come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from models.batches import Batch

Numbered = Callable[[Sequence[int]], Batch]
"""Makes the samples of these numbers; the same numbers give the same samples."""

HELD_OUT_FROM = 10**9
"""Numbers of held-out samples; no run comes so far."""


class Source(Protocol):
    """Samples of one folder, of which the last cases are held out.

    Attributes
    ----------
    cases
        Their names, those held out last.
    held_out_cases
        How many of them are held out.
    """

    cases: tuple[str, ...]
    held_out_cases: int

    def prepare(self, about_to: Callable[[int], None]) -> None:
        """Do once what is to be kept for all that follows; `about_to` hears of how many label maps, if any."""

    def maker(self) -> Callable[[], Numbered]:
        """Return what opens the training samples in whatever process it is called; it can be pickled."""

    def held_out(self) -> list[Batch]:
        """Return the samples that validate, one a batch."""
