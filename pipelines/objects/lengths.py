"""How long values may be: the standard's limits, and the shorter ones of planning systems."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass

from pydicom import DataElement, Dataset
from pydicom.datadict import dictionary_has_tag, dictionary_keyword, dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag

_LIMITS = {"AE": 16, "AS": 4, "CS": 16, "DA": 8, "DS": 16, "DT": 26, "IS": 12, "LO": 64, "LT": 10240, "SH": 16}
_LIMITS |= {"ST": 1024, "TM": 14, "UI": 64}
_PERSON_NAME_GROUP = 64
_NUMERIC = ("DS", "IS")

SHORT = ("StructureSetLabel", "ROIName", "ROIObservationLabel")
"""IDs and labels that planning systems cut or refuse beyond 16 characters, whatever their VR allows."""

SHORT_LIMIT = 16


@dataclass(frozen=True, slots=True)
class TooLong:
    """A value over its limit, by the attribute's keyword; the value itself may name a patient and is not kept."""

    where: str
    found: int
    accepted: int


def too_long(dataset: Dataset, skip: Container[BaseTag] = (), *, of_house: bool = True) -> Iterator[TooLong]:
    """Yield the values over their limit (PS3.5 table 6.2-1), also inside sequences.

    Values are measured in characters as the standard does; numbers that stand in encoded form are measured as they
    stand, so that nothing is rounded or shortened by reading it.

    Parameters
    ----------
    dataset
        Any.
    skip
        Tags of the data set's own attributes that are left out, since the same value is checked elsewhere.
    of_house
        Whether labels must be as short as planning systems take them, and not only as the standard has it.
    """
    for tag in list(dataset.keys()):
        if tag in skip or tag.is_private or not dictionary_has_tag(tag):
            continue
        element = dataset.get_item(tag)
        vr = dictionary_VR(tag) if isinstance(element, RawDataElement) else element.VR
        if vr == "SQ":
            for item in dataset[tag].value or ():
                yield from too_long(item, of_house=of_house)
        elif vr in _NUMERIC or vr in _LIMITS or vr == "PN":
            yield from _over(dataset, element, vr, SHORT if of_house else ())


def _over(dataset: Dataset, element: DataElement | RawDataElement, vr: str, short: Container[str]) -> Iterator[TooLong]:
    keyword = dictionary_keyword(element.tag)
    limit = SHORT_LIMIT if keyword in short else _LIMITS.get(vr, _PERSON_NAME_GROUP)
    longest = max(map(len, _written(dataset, element, vr)), default=0)
    if longest > limit:
        yield TooLong(keyword, longest, limit)


def _written(dataset: Dataset, element: DataElement | RawDataElement, vr: str) -> list[str] | list[bytes]:
    if isinstance(element, RawDataElement) and vr in _NUMERIC:
        return (element.value or b"").rstrip(b" \0").split(b"\\")
    value = dataset[element.tag].value
    values = list(value) if isinstance(value, MultiValue) else [value]
    if vr == "PN":
        return [group for name in values for group in str(name or "").split("=")]
    if vr in _NUMERIC:
        return [getattr(one, "original_string", None) or str(one) for one in values if one is not None]
    return [str(one) for one in values if one is not None]
