from __future__ import annotations

from typing import Any

import pytest

from pipelines.headers import Header
from pipelines.headers.series import differing, spread


def headers(keyword: str, *values: Any) -> list[Header]:
    return [Header.from_attributes({} if value is None else {keyword: value}) for value in values]


@pytest.mark.parametrize(
    ("keyword", "values", "said"),
    [
        ("BodyPartExamined", ["HEAD"] * 191 + [None], "1 of 192 lacks BodyPartExamined"),
        ("BodyPartExamined", ["HEAD"] * 190 + [None, ""], "2 of 192 lack BodyPartExamined"),
        ("EchoTime", [2.5, "95"] * 96, "EchoTime 2.5 in 96, 95 in 96"),
        ("EchoTime", ["2.5", 2.5, None, 95], "EchoTime 2.5 in 2, 95 in 1; 1 of 4 lacks EchoTime"),
        ("ImageType", [["ORIGINAL", "PRIMARY"], ["DERIVED", "PRIMARY"]] * 2, None),
        ("InstanceNumber", list(range(7)), "InstanceNumber 0 in 1, 1 in 1, 2 in 1, 3 in 1, 3 more values"),
    ],
)
def test_what_differs_is_counted(keyword: str, values: list[Any], said: str | None) -> None:
    found = spread(headers(keyword, *values), keyword)
    assert found.instances == len(values)
    assert not found.is_uniform
    assert found.describe() == (said or "ImageType DERIVED\\PRIMARY in 2, ORIGINAL\\PRIMARY in 2")


def test_what_is_the_same_everywhere_is_not_named() -> None:
    series = headers("EchoTime", 2.5, "2.50", "2,5")
    assert differing(series, ["EchoTime", "BodyPartExamined"]) == ()
    assert [one.keyword for one in differing(headers("EchoTime", 1, 2), ["EchoTime"])] == ["EchoTime"]
