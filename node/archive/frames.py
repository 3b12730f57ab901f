"""What the catalogue keeps of an enhanced object's frames: what they agree in, and the groups that differ."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from pydicom import Dataset
from pydicom.tag import Tag

from pipelines.headers.elements import decoded_element
from pipelines.headers.functional_groups import PER_FRAME, FrameHeaders
from pipelines.headers.volumes import TELLS_APART

_OF_FRAMES = (*TELLS_APART, "ImageOrientationPatient", "PixelSpacing", "AcquisitionNumber", "BodyPartExamined")
"""What is kept of each frame: what tells volumes apart, not where each frame lies."""


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
    kinds: Counter[str] = Counter()
    for header in groups.headers():
        chosen = Dataset()
        for keyword in _OF_FRAMES:
            element = decoded_element(header, Tag(keyword))
            if element is not None:
                chosen[element.tag] = element
        kinds[json.dumps(plain(chosen), sort_keys=True)] += 1
    stated = [json.loads(kind) for kind in kinds]
    agreed = {
        keyword: value
        for keyword, value in (stated[0] if stated else {}).items()
        if all(one.get(keyword) == value for one in stated)
    }
    kept = {keyword: value for keyword, value in plain(groups.shared).items() if keyword not in _OF_FRAMES}
    differing = [
        {**{keyword: value for keyword, value in one.items() if keyword not in agreed}, "NumberOfFrames": count}
        for one, count in zip(stated, kinds.values(), strict=True)
    ]
    return {**kept, **agreed, **({PER_FRAME: differing} if len(differing) > 1 else {})}
