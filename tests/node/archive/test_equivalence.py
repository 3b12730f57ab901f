"""Two files of one SOP Instance UID: the same object sent again, or another one under its name."""

from __future__ import annotations

from pathlib import Path

import pytest
from head_series import HeadSeries

from node.archive.equivalence import differences
from node.archive.headers import Unusable, look_at

HEAD = HeadSeries(slices=1)


def differing(folder: Path, **changes: object) -> tuple[str, ...]:
    """Return what an image with these changes differs in from the one without."""
    (image,) = HEAD.datasets()
    image.save_as(folder / "first.dcm", enforce_file_format=True)
    for keyword, value in changes.items():
        setattr(image, keyword, value)
    image.save_as(folder / "second.dcm", enforce_file_format=True)
    return differences(folder / "first.dcm", folder / "second.dcm")


@pytest.mark.hazard("HAZ-18")
def test_where_an_archive_keeps_it_is_no_difference_whatever_the_character_set(tmp_path: Path) -> None:
    assert "SpecificCharacterSet" in HEAD.datasets()[0]
    assert differing(tmp_path, RetrieveAETitle="PACS1", InstanceAvailability="ONLINE") == ()


@pytest.mark.hazard("HAZ-18")
def test_another_character_set_is_a_difference(tmp_path: Path) -> None:
    assert differing(tmp_path, SpecificCharacterSet="ISO_IR 100") == ("SpecificCharacterSet",)


@pytest.mark.hazard("HAZ-11")
def test_an_image_whose_series_cannot_be_told_is_known_to_be_of_its_study(tmp_path: Path) -> None:
    differing(tmp_path, SeriesInstanceUID=("1.2.826.0.1.3680043.8.498." + "7" * 66)[:66])
    found = look_at(tmp_path / "second.dcm")
    assert isinstance(found, Unusable)
    assert (found.reason.code, found.study_uid, found.series_uid) == ("instance-uid-invalid", HEAD.study_uid, "")
