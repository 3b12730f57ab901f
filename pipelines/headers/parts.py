"""A series' parts: the images of its volume, and what only lies beside them (a localizer, a few of another plane)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.headers.header import Header
from pipelines.headers.orientation import group_orientations
from pipelines.headers.origin import is_localizer

_LARGEST_BESIDE = 0.5
"""Share of the volume's images that those of another orientation may have at most to lie beside it: with more, nobody
can say which of the two the series is."""


@dataclass(frozen=True, slots=True)
class SeriesParts:
    """Which instances of a series are its volume.

    Attributes
    ----------
    volume
        Indices of the volume's instances, in the order given.
    localizers, other_orientations, other_volumes
        Indices of the instances that are set aside, and why.
    """

    volume: tuple[int, ...]
    localizers: tuple[int, ...] = ()
    other_orientations: tuple[int, ...] = ()
    other_volumes: tuple[int, ...] = ()

    @property
    def is_divided(self) -> bool:
        """Whether anything is set aside."""
        return bool(self.localizers or self.other_orientations or self.other_volumes)

    def describe(self) -> str:
        """Return e.g. ``3 of 195 are a localizer``; empty where nothing is set aside."""
        parts = [
            (self.localizers, "a localizer"),
            (self.other_orientations, "of another orientation"),
            (self.other_volumes, "of another volume"),
        ]
        whole = len(self.volume) + sum(len(indices) for indices, _ in parts)
        return ", ".join(
            f"{len(indices)} of {whole} {'is' if len(indices) == 1 else 'are'} {kind}"
            for indices, kind in parts
            if indices
        )


def divide(headers: Sequence[Header]) -> SeriesParts:
    """Divide a series into its volume and what lies beside it; the order of its instances changes nothing.

    Localizers are set aside, unless all of the series is one. Of the rest the orientation with the most images is the
    volume's, and images of others are set aside if none of these has more than half as many; else all stay together,
    for a reader to refuse.
    """
    everything = range(len(headers))
    localizers = tuple(index for index in everything if is_localizer(headers[index]))
    if len(localizers) == len(headers):
        return SeriesParts(tuple(everything))
    images = [index for index in everything if index not in set(localizers)]
    cosines = [headers[index].numbers("ImageOrientationPatient") for index in images]
    groups = group_orientations(cosines)
    # An image that does not say how it lies is of no other orientation: it is for a reader to refuse by name.
    stated = Counter(group for group, said in zip(groups, cosines, strict=True) if said)
    counts = stated.most_common()
    if len(counts) < 2 or counts[1][1] > _LARGEST_BESIDE * counts[0][1]:
        return SeriesParts(tuple(images), localizers)
    others = stated.keys() - {counts[0][0]}
    return SeriesParts(
        tuple(index for index, group in zip(images, groups, strict=True) if group not in others),
        localizers,
        tuple(index for index, group in zip(images, groups, strict=True) if group in others),
    )
