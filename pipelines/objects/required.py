"""Attributes that an object must have: Type 1 and 2 of the modules that its IOD demands."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from highdicom import _standard_utils as standard
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag, Tag

# PS3.3 has these modules as optional or conditional for the IOD; in this house they belong to it.
_ALSO = {"rt-structure-set": ("approval", "frame-of-reference", "general-reference"), "ct-image": ("voi-lut",)}

# The table lists the attributes of every value type side by side, where an item has those of its own alone; what hangs
# below the root is the matter of the semantic check.
_CONTENT_OF_SR = "sr-document-content"
_ROOT_OF_SR = ("ValueType", "ConceptNameCodeSequence", "ContinuityOfContent", "ContentTemplateSequence")

# Which macros stand there, and whether shared or per frame, are conditions (PS3.3 C.7.6.16); in those that do stand
# there, attributes are checked.
_FUNCTIONAL_GROUPS = (("SharedFunctionalGroupsSequence",), ("PerFrameFunctionalGroupsSequence",))


@dataclass(frozen=True, slots=True)
class Requirement:
    """One attribute of Type 1 (present with a value) or 2 (present).

    Attributes
    ----------
    module
        Module of PS3.3 that asks for it.
    path
        Keywords of the sequences that it stands in, outermost first.
    keyword
        The attribute.
    valued
        True for Type 1.
    tags
        Of the sequences, then of the attribute.
    """

    module: str
    path: tuple[str, ...]
    keyword: str
    valued: bool
    tags: tuple[int, ...]

    @property
    def clause(self) -> str:
        """Where the standard asks for it."""
        return f"PS3.3 {self.module} module, Type {'1' if self.valued else '2'}"


@dataclass(frozen=True, slots=True)
class Missing:
    """A requirement that a data set does not meet, and where."""

    requirement: Requirement
    where: str


def missing(dataset: Dataset, skip: Container[BaseTag] = (), *, of_house: bool = True) -> Iterator[Missing]:
    """Yield the Type 1 attributes without value and the Type 2 attributes that are absent (PS3.5 7.4).

    Conditional types are not checked: their conditions are prose. Tables are those that highdicom carries, made from
    the standard.

    Parameters
    ----------
    dataset
        Of a SOP class that highdicom's tables know; nothing is asked of another.
    skip
        Tags of the data set's own attributes that are left out, since the same value is checked elsewhere.
    of_house
        Whether modules belong to it that the standard leaves free and this house does not.
    """
    for requirement in requirements(str(dataset.get("SOPClassUID", "")), of_house):
        if requirement.tags[0] not in skip:
            yield from _missing_below(dataset, requirement, 0, "")


@lru_cache(maxsize=32)
def requirements(sop_class: str, of_house: bool = True) -> tuple[Requirement, ...]:
    """Return what the IOD of a SOP class asks for in its mandatory modules; nothing for an unknown class."""
    iod = standard.get_sop_class_iod_map().get(sop_class)
    if iod is None:
        return ()
    modules = [entry["key"] for entry in standard.get_iod_module_map()[iod] if entry["usage"] == "M"]
    return tuple(
        _requirement(module, entry)
        for module in (*modules, *(_ALSO.get(iod, ()) if of_house else ()))
        for entry in standard.get_module_attribute_map()[module]
        if entry["type"] in ("1", "2") and tuple(entry["path"]) not in _FUNCTIONAL_GROUPS
        if module != _CONTENT_OF_SR or (*entry["path"], entry["keyword"])[0] in _ROOT_OF_SR
    )


def _requirement(module: str, entry: Mapping[str, Any]) -> Requirement:
    tags = tuple(int(Tag(keyword)) for keyword in (*entry["path"], entry["keyword"]))
    return Requirement(module, tuple(entry["path"]), entry["keyword"], entry["type"] == "1", tags)


def _missing_below(dataset: Dataset, requirement: Requirement, depth: int, where: str) -> Iterator[Missing]:
    tag, held = requirement.tags[depth], dataset.keys()
    if depth < len(requirement.path):
        if tag in held:
            name = requirement.path[depth]
            for number, item in enumerate(dataset[tag].value or (), start=1):
                yield from _missing_below(item, requirement, depth + 1, f"{where}{name}[{number}].")
    elif tag not in held or (requirement.valued and _empty(dataset, tag)):
        yield Missing(requirement, where + requirement.keyword)


def _empty(dataset: Dataset, tag: int) -> bool:
    # Encoded values are not decoded for this: contour data of a structure set would take seconds.
    element = dataset.get_item(tag)
    if isinstance(element, RawDataElement):
        return not (element.value or b"").strip(b" ")
    return bool(element.is_empty)
