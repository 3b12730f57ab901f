"""What a generator answers with, by which a trainer knows whether it can train it."""

from __future__ import annotations

from enum import StrEnum


class Answers(StrEnum):
    """The meaning of a generator's channels.

    Attributes
    ----------
    DISTRIBUTION
        A distribution over CT numbers, by anchors.
    VALUES
        The target's value on the scale -1 to 1, or a logit of each label.
    STEP
        One step of a sampler: noise, image or direction, for a state and a time behind the inputs.
    """

    DISTRIBUTION = "a distribution over CT numbers"
    VALUES = "values"
    STEP = "one step of a sampler"
