"""Where images come from: a scanner or other images, and whether they are a localizer's."""

from __future__ import annotations

import re

from pipelines.headers.header import Header

_SCOUT = re.compile(r"\b(locali[sz]er|scout|survey|loc|topogram|3[- ]?plane)\b", re.IGNORECASE)


def is_synthetic(header: Header) -> bool:
    """Return whether the images say that they are synthetic (Synthetic Data, PS3.3 C.12.1.1)."""
    return header.text("SyntheticData") == "YES"


def is_derived(header: Header) -> bool | None:
    """Return whether the images were made from other images (Image Type value 1, PS3.3 C.7.6.1.1.2; Synthetic Data)."""
    if is_synthetic(header):
        return True
    kinds = header.codes("ImageType")
    return kinds[0] != "ORIGINAL" if kinds else None


def is_localizer(header: Header) -> bool | None:
    """Return whether the series is a localizer, by Image Type or else by the words that scanners use for it."""
    kinds = header.codes("ImageType")
    if "LOCALIZER" in kinds:
        return True
    descriptions = [text for keyword in ("SeriesDescription", "ProtocolName") if (text := header.text(keyword))]
    if any(_SCOUT.search(text.replace("_", " ")) for text in descriptions):
        return True
    return None if not kinds and not descriptions else False
