"""A header as typed values, whether it comes from a data set or from what the catalogue kept of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.tag import Tag

from pipelines.headers.elements import plain_value
from pipelines.headers.private import PRIVATE
from pipelines.headers.values import has_decimal_comma, typed_value


class Header:
    """The header of one instance; an attribute that is absent, empty or not of its type has no value.

    Parameters
    ----------
    read
        Gives an attribute's value by keyword, as text, number, or list of these; None where there is none.
    """

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[str], Any]) -> None:
        self._read = read

    @classmethod
    def from_dataset(cls, dataset: Dataset) -> Header:
        """Return the header of a data set; elements are decoded as they are asked for, pixel data never."""

        def read(keyword: str) -> Any:
            if (private := PRIVATE.get(keyword)) is not None:
                return private.read(dataset)
            tag = tag_for_keyword(keyword)
            return None if tag is None else plain_value(dataset, Tag(tag))

        return cls(read)

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, Any]) -> Header:
        """Return the header of which the catalogue keeps `attributes`: keyword to value, list, or list of mappings."""
        return cls(attributes.get)

    def written(self, keyword: str) -> Any:
        """Return the value as it was written: text, number, or list of these; None where there is none."""
        return self._read(keyword)

    def value(self, keyword: str) -> Any:
        """Return the value with the type of its keyword (PS3.6), or None."""
        found = self._read(keyword)
        return None if found is None else typed_value(keyword, found)

    def number(self, keyword: str) -> float | None:
        """Return the number of an attribute that holds one."""
        found = self.value(keyword)
        return float(found) if isinstance(found, int | float) else None

    def text(self, keyword: str) -> str:
        """Return the text of an attribute that holds one; empty where there is none."""
        found = self.value(keyword)
        return found if isinstance(found, str) else ""

    def codes(self, keyword: str) -> tuple[str, ...]:
        """Return the coded strings of an attribute, in capitals; none where it is absent."""
        found = self.value(keyword)
        listed = found if isinstance(found, list) else [] if found is None else [found]
        return tuple(str(one).upper() for one in listed)

    def numbers(self, keyword: str) -> tuple[float, ...]:
        """Return the numbers of an attribute; none where it is absent."""
        found = self.value(keyword)
        return tuple(float(one) for one in found) if isinstance(found, list) else ()

    def decimal_commas(self, keywords: Iterable[str]) -> tuple[str, ...]:
        """Return which of `keywords` hold a number that was written with a decimal comma."""
        return tuple(keyword for keyword in keywords if has_decimal_comma(self._read(keyword)))
