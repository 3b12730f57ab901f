"""Ready facts: what conditions may name besides DICOM keywords, by the reading of headers that pipelines use too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from pipelines.headers import Header
from pipelines.headers.body_part import body_part
from pipelines.headers.coverage import is_axial
from pipelines.headers.origin import is_derived, is_localizer
from pipelines.headers.weighting import weighting

READY: Mapping[str, Callable[[Header], str | bool | None]] = MappingProxyType(
    {
        "body_part": body_part,
        "is_axial": is_axial,
        "is_derived": is_derived,
        "is_localizer": is_localizer,
        "weighting": weighting,
    }
)
"""Ready facts by the names that conditions use; None when the header does not say."""
