"""Numbered samples: sample n of a seed is always the same view with the same kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from models.errors import InputError
from models.gate.network import KINDS
from models.gate.view import Floats, view_of
from models.generator.views import heads, outliers
from models.generator.views.bodies import Body
from models.generator.views.outliers import Atlas
from models.volumes import Volume

HELD_OUT_KINDS = ("limb", "shuffled-slices")
"""Kinds of outlier that training never shows, so that judging says something of what nobody thought of."""

_WEIGHTS = {
    "whole-head": 0.38,
    "skull-stripped": 0.11,
    "other-body-part": 0.09,
    "ct": 0.07,
    "noise": 0.03,
    "half-field": 0.10,
    "wrong-orientation": 0.09,
    "wrong-scale": 0.07,
    "shapes": 0.03,
    "inverted-contrast": 0.03,
}
"""How often training sees each kind: more of what looks nearly right."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One view.

    Attributes
    ----------
    view
        See `models.gate.view.view_of`.
    kind
        One of `KINDS`, or of `HELD_OUT_KINDS`.
    """

    view: Floats
    kind: str


class Sampler:
    """Makes samples from `bodies` and `atlases`."""

    def __init__(self, bodies: Sequence[Body], atlases: Sequence[Atlas], seed: int) -> None:
        self._bodies = tuple(bodies)
        self._atlases = tuple(atlases)
        self._seed = seed

    def any_kind(self, number: int) -> Sample:
        """Return training sample `number`, of a kind drawn by weight."""
        rng = np.random.default_rng([self._seed, 0, number])
        return self._sample(rng, str(rng.choice(KINDS, p=[_WEIGHTS[kind] for kind in KINDS])))

    def of_kind(self, kind: str, number: int) -> Sample:
        """Return sample `number` of one kind, `HELD_OUT_KINDS` too."""
        at = (*KINDS, *HELD_OUT_KINDS).index(kind)
        return self._sample(np.random.default_rng([self._seed, 1 + at, number]), kind)

    def _sample(self, rng: np.random.Generator, kind: str) -> Sample:
        while True:
            try:
                return Sample(view_of(self._volume(rng, kind)), kind)
            except InputError:
                continue  # a field that missed everything bright; the next draw of the same stream

    def _volume(self, rng: np.random.Generator, kind: str) -> Volume:
        made = _OF_HEADS.get(kind)
        if kind == "ct" and rng.random() < 0.3:
            return outliers.ct_of_other_part(rng)
        if made is not None:
            return made(rng, self._bodies[int(rng.integers(len(self._bodies)))])
        if kind == "other-body-part":
            return outliers.other_body_part(rng, self._atlases)
        return _OF_NOTHING[kind](rng)


_OF_HEADS: dict[str, Callable[[np.random.Generator, Body], Volume]] = {
    "whole-head": heads.whole_head,
    "skull-stripped": heads.skull_stripped,
    "ct": heads.ct_of_head,
    "half-field": heads.half_field,
    "wrong-orientation": heads.wrong_orientation,
    "wrong-scale": heads.wrong_scale,
    "inverted-contrast": heads.inverted,
    "shuffled-slices": heads.shuffled,
}

_OF_NOTHING: dict[str, Callable[[np.random.Generator], Volume]] = {
    "noise": outliers.noise,
    "shapes": outliers.shapes,
    "limb": outliers.limb,
}
