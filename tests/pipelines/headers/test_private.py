"""Private elements: by creator wherever its block lies, the same from data set and catalogue, and no others."""

from __future__ import annotations

from io import BytesIO

import pydicom
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from node.archive.attributes import attributes
from node.rules.conditions import Condition, Ternary
from node.rules.ruleset import SERIES_FACTS
from node.rules.subject import Subject
from node.rules.types import ConditionError
from pipelines.headers import Header, typed_attributes
from pipelines.headers.private import PRIVATE


def read_again(dataset: Dataset, syntax: str) -> Dataset:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    file = BytesIO()
    pydicom.dcmwrite(file, dataset, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True)
    file.seek(0)
    return pydicom.dcmread(file, force=True)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize("occupied", [False, True])
def test_the_creator_says_where_the_element_lies(syntax: str, occupied: bool) -> None:
    dataset = Dataset()
    if occupied:
        dataset.private_block(0x0019, "SOMEBODY ELSE", create=True).add_new(0x0C, "LO", "MEIER^ANNA")
    dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0C, "IS", "800")
    dataset.private_block(0x0043, "GEMS_PARM_01", create=True).add_new(0x39, "IS", [1000, 8, 0, 0])
    dataset.private_block(0x0029, "SIEMENS CSA HEADER", create=True).add_new(0x10, "OB", b"secret")
    again = read_again(dataset, syntax)
    kept = attributes(again)
    assert set(kept) == {"SIEMENS_MR_HEADER_0019xx0C", "GEMS_PARM_01_0043xx39"}
    values = typed_attributes(kept)
    assert values == {"SIEMENS_MR_HEADER_0019xx0C": 800, "GEMS_PARM_01_0043xx39": [1000, 8, 0, 0]}
    assert Header.from_dataset(again).value("SIEMENS_MR_HEADER_0019xx0C") == 800
    condition = Condition.checked(
        "SIEMENS_MR_HEADER_0019xx0C >= 500 && GEMS_PARM_01_0043xx39[0] == 1000", SERIES_FACTS, keywords=True
    )
    assert Subject(values).judge(condition).verdict is Ternary.TRUE


def test_what_is_absent_or_no_number_is_missing_and_others_are_refused() -> None:
    dataset = Dataset()
    dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0C, "UN", b"?")
    assert typed_attributes(attributes(dataset)) == {}
    assert {name for name in PRIVATE if Header.from_dataset(dataset).value(name) is not None} == set()
    with pytest.raises(ConditionError, match="did you mean SIEMENS_MR_HEADER_0019xx0"):
        Condition.checked("SIEMENS_MR_HEADER_0019xx0 > 5", SERIES_FACTS, keywords=True)
