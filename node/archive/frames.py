"""What the catalogue keeps of an enhanced object's frames: what they agree in, and the groups that differ."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from pydicom import Dataset
from pydicom.tag import BaseTag, Tag

from pipelines.headers.classic_names import ENHANCED_NAMES
from pipelines.headers.elements import decoded_element
from pipelines.headers.functional_groups import PER_FRAME, FrameHeaders
from pipelines.headers.volumes import TELLS_APART

_OF_FRAMES = (*TELLS_APART, "ImageOrientationPatient", "PixelSpacing", "AcquisitionNumber", "BodyPartExamined")
"""What is kept of each frame: what tells volumes apart, not where each frame lies."""

_RELEVANT = frozenset(Tag(keyword) for keyword in (*_OF_FRAMES, *ENHANCED_NAMES))

Kind = tuple[tuple[BaseTag, str], ...]


def frame_attributes(dataset: Dataset, plain: Callable[[Dataset], dict[str, Any]]) -> dict[str, Any]:
    """Return an enhanced object's header as classic images have theirs.

    Parameters
    ----------
    dataset
        The object.
    plain
        Makes plain values of a data set's elements.

    Returns
    -------
    The object's own attributes and those that all frames agree in, by keyword. Where frames differ,
    PerFrameFunctionalGroupsSequence has an item for each kind of frame, with what they say and NumberOfFrames.
    """
    groups = FrameHeaders.of(dataset)
    # Frames whose own groups say the same are one kind: the header is made once for each, however many there are.
    frames: dict[Kind, list[int]] = {}
    for number, own in enumerate(groups.own, start=1):
        frames.setdefault(_kind_of(own), []).append(number)
    counts: Counter[str] = Counter()
    for numbers in frames.values():
        counts[json.dumps(plain(_chosen(groups.header(numbers[0]))), sort_keys=True)] += len(numbers)
    stated = [json.loads(kind) for kind in counts]
    agreed = {
        keyword: value
        for keyword, value in (stated[0] if stated else {}).items()
        if all(one.get(keyword) == value for one in stated)
    }
    kept = {keyword: value for keyword, value in plain(groups.shared).items() if keyword not in _OF_FRAMES}
    differing = [
        {**{keyword: value for keyword, value in one.items() if keyword not in agreed}, "NumberOfFrames": count}
        for one, count in zip(stated, counts.values(), strict=True)
    ]
    if groups.own:
        # As many as there are, whatever the object declares: facts are made for each.
        kept["NumberOfFrames"] = len(groups.own)
    return {**kept, **agreed, **({PER_FRAME: differing} if len(differing) > 1 else {})}


def _kind_of(own: Dataset) -> Kind:
    found = ((tag, decoded_element(own, tag)) for tag in sorted(own.keys() & _RELEVANT))
    return tuple((tag, "" if element is None else str(element.value)) for tag, element in found)


def _chosen(header: Dataset) -> Dataset:
    chosen = Dataset()
    for keyword in _OF_FRAMES:
        element = decoded_element(header, Tag(keyword))
        if element is not None:
            chosen[element.tag] = element
    return chosen
