"""A phantom is known by the attribute or by the words that sites use, and no patient is taken for one."""

from __future__ import annotations

import pytest

from pipelines.headers import Header
from pipelines.headers.phantom import is_phantom


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("QualityControlImage", "YES"),
        ("QualityControlImage", "BOTH"),
        ("SeriesDescription", "t1_mprage_sag_phantom"),
        ("SeriesDescription", "HeadPhantom T1"),
        ("ProtocolName", "DAILY-QA"),
        ("StudyDescription", "Quality  Assurance"),
        ("BodyPartExamined", "PHANTOM"),
        ("SeriesDescription", "ACR T1"),
    ],
)
def test_a_phantom_is_known(keyword: str, value: str) -> None:
    assert is_phantom(Header.from_attributes({keyword: value}))


@pytest.mark.parametrize("value", ["t1_mprage_sag", "QARTEL", "macro", "SACRUM T2", "AQUA", ""])
def test_a_patient_is_none(value: str) -> None:
    assert not is_phantom(Header.from_attributes({"SeriesDescription": value, "QualityControlImage": "NO"}))
    assert not is_phantom(Header.from_attributes({}))
