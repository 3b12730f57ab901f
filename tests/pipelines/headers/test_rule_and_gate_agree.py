"""A data set and what the catalogue keeps of it are read alike, so a rule and a gate give the same answer."""

from __future__ import annotations

from io import BytesIO

import pydicom
import pytest
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian

from node.archive.attributes import attributes
from node.rules.predicates import READY
from pipelines.headers import Header
from pipelines.headers.acquisition import age_years, field_strength, has_contrast_agent, is_distortion_corrected
from pipelines.headers.weighting import TIMING

ACQUISITION = {
    "age": age_years,
    "strength": field_strength,
    "corrected": is_distortion_corrected,
    "agent": has_contrast_agent,
}

SIEMENS = {
    "Modality": "MR",
    "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", "NORM"],
    "BodyPartExamined": "KOPF",
    "ScanningSequence": ["GR", "IR"],
    "SequenceVariant": ["SK", "SP", "MP"],
    "MagneticFieldStrength": "1.5",
    "RepetitionTime": "1900",
    "EchoTime": "2.52",
    "InversionTime": "900",
    "FlipAngle": "9",
    "PatientAge": "041Y",
    "ImageOrientationPatient": ["0", "1", "0", "0", "0", "-1"],
}
GE = {
    "Modality": "MR",
    "ImageType": ["ORIGINAL", "PRIMARY", "OTHER"],
    "BodyPartExamined": "SCHAEDEL",
    "ScanningSequence": "RM",
    "SequenceVariant": "NONE",
    "MagneticFieldStrength": "3",
    "RepetitionTime": "8.2",
    "EchoTime": "3.2",
    "FlipAngle": "12",
    "SeriesDescription": "Sag BRAVO",
}
UIH = {
    "Modality": "MR",
    "ImageType": ["ORIGINAL", "PRIMARY", "M", "DIS2D"],
    "BodyPartExamined": "HEAD",
    "ScanningSequence": "SE",
    "SequenceVariant": ["SK", "SP"],
    "MagneticFieldStrength": "3",
    "RepetitionTime": "5000",
    "EchoTime": "100",
    "EchoTrainLength": "15",
    "ContrastBolusAgent": "Gd",
}
HITACHI = {
    "Modality": "MR",
    "ImageType": ["ORIGINAL", "PRIMARY"],
    "BodyPartExamined": "TETE",
    "ScanningSequence": "SE",
    "MagneticFieldStrength": "12000",
    "RepetitionTime": "500",
    "EchoTime": "15",
}
HEADERS = {
    "siemens": (SIEMENS, {"body_part": "HEAD", "weighting": "T1", "is_axial": False, "strength": 1.5, "age": 41.0}),
    "ge": (GE, {"body_part": "HEAD", "weighting": "T1", "strength": 3.0, "corrected": False}),
    "uih": (UIH, {"body_part": "HEAD", "weighting": "T2", "corrected": True, "agent": True}),
    "hitachi": (HITACHI, {"body_part": "HEAD", "weighting": "T1", "strength": pytest.approx(1.2)}),
    "no echo time": ({**SIEMENS, "EchoTime": None}, {"body_part": "HEAD", "weighting": None}),
}


def as_file(values: dict[str, object], replaced: tuple[bytes, bytes] = (b"", b"")) -> Dataset:
    """The data set as it comes back from its bytes, in which `replaced` was exchanged for the same number of bytes."""
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    stream = BytesIO()
    pydicom.dcmwrite(stream, dataset)
    old, new = replaced
    assert old in stream.getvalue()
    assert len(old) == len(new)
    return pydicom.dcmread(BytesIO(stream.getvalue().replace(old, new) if old else stream.getvalue()), force=True)


def answers(header: Header) -> dict[str, object]:
    ready = {name: fact.read for name, fact in READY.items()}
    return {name: read(header) for name, read in {**ready, **ACQUISITION}.items()}


@pytest.mark.parametrize(("values", "expected"), HEADERS.values(), ids=HEADERS)
def test_a_data_set_and_its_catalogue_entry_are_read_alike(
    values: dict[str, object], expected: dict[str, object]
) -> None:
    dataset = as_file(values)
    of_dataset = answers(Header.from_dataset(dataset))
    assert of_dataset == answers(Header.from_attributes(attributes(dataset)))
    assert {name: of_dataset[name] for name in expected} == expected


def test_a_decimal_comma_is_read_as_a_point_and_named_on_both_ways() -> None:
    dataset = as_file(SIEMENS, (b"2.52", b"2,52"))
    for header in (Header.from_dataset(dataset), Header.from_attributes(attributes(dataset))):
        assert header.number("EchoTime") == 2.52
        assert header.decimal_commas(TIMING) == ("EchoTime",)
        assert answers(header)["weighting"] == "T1"


@pytest.mark.parametrize("broken", [b"1,90", b"19 0", b"fast"])
def test_a_number_that_is_none_is_missing_or_named_but_never_guessed(broken: bytes) -> None:
    header = Header.from_dataset(as_file(SIEMENS, (b"1900", broken)))
    assert header.number("RepetitionTime") == (1.9 if broken == b"1,90" else None)
    assert header.decimal_commas(TIMING) == (("RepetitionTime",) if broken == b"1,90" else ())


def test_a_malformed_element_in_a_sequence_takes_nothing_else_with_it() -> None:
    item = Dataset()
    item.CodeValue = "1234"
    tag = Tag("RescaleSlope")
    item[tag] = RawDataElement(tag, "FD", 3, b"abc", 0, False, True)  # no double has three bytes
    dataset = Dataset()
    dataset.ProcedureCodeSequence = [item]
    found = Header.from_dataset(dataset).value("ProcedureCodeSequence")
    assert [one["CodeValue"] for one in found] == ["1234"]


def test_a_separator_of_thousands_is_no_decimal_comma() -> None:
    for written in ("1,900.5", "1,900", "2,520"):
        assert Header.from_attributes({"RepetitionTime": written}).number("RepetitionTime") is None
