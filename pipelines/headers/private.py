"""Private elements that are read: by their creator, wherever it reserved its block (PS3.5 7.8.1).

Few private elements are kept, and by name: what a vendor puts into the others may identify the patient. These are
numbers, codes and names of sequences; none holds what somebody typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydicom import Dataset
from pydicom.tag import Tag

from pipelines.headers.elements import plain_value


@dataclass(frozen=True, slots=True)
class PrivateElement:
    """A private element: its creator, group, last byte of the element number, and its value (VR and VM of PS3.5)."""

    creator: str
    group: int
    element: int
    representation: str
    multiplicity: str
    meaning: str

    @property
    def name(self) -> str:
        """How conditions call it: the creator and the tag, with xx where the block may lie anywhere."""
        return f"{self.creator.replace(' ', '_')}_{self.group:04X}xx{self.element:02X}"

    def read(self, dataset: Dataset) -> Any:
        """Return its value as text, number or list of these; None where it is absent or written as bytes."""
        for block in range(0x10, 0x100):
            creator = Tag(self.group, block)
            if creator not in dataset:
                continue
            if plain_value(dataset, creator) == self.creator:
                value = plain_value(dataset, Tag(self.group, block << 8 | self.element))
                return None if value == [] or value == "" else value
        return None


_READ = (
    PrivateElement("SIEMENS MR HEADER", 0x0019, 0x0C, "IS", "1", "b-value, s/mm2"),
    PrivateElement("SIEMENS MR HEADER", 0x0019, 0x0D, "CS", "1", "directionality of diffusion"),
    PrivateElement("GEMS_ACQU_01", 0x0019, 0x9C, "LO", "1", "name of the pulse sequence"),
    PrivateElement("GEMS_PARM_01", 0x0043, 0x39, "IS", "4", "b-value in the first of four numbers"),
    PrivateElement("Philips Imaging DD 001", 0x2001, 0x03, "FL", "1", "b-value, s/mm2"),
    PrivateElement("Philips Imaging DD 001", 0x2001, 0x20, "LO", "1", "scanning technique"),
)

PRIVATE: Mapping[str, PrivateElement] = MappingProxyType({one.name: one for one in _READ})
"""The private elements that are read, by the name that conditions use."""


def private_values(dataset: Dataset) -> dict[str, Any]:
    """Return the value of each private element that is read and present, by its name."""
    groups = {tag.group for tag in list(dataset.keys()) if tag.group % 2}
    found = {name: one.read(dataset) for name, one in PRIVATE.items() if one.group in groups}
    return {name: value for name, value in found.items() if value is not None}
