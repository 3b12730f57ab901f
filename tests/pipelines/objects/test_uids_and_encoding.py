from __future__ import annotations

from io import BytesIO
from uuid import UUID

import pytest
from derived import derived
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.uid import UID, ImplicitVRLittleEndian

from pipelines.errors import UnfitObject
from pipelines.objects.decimals import exact, text
from pipelines.objects.encoding import IMPLEMENTATION_CLASS_UID, encode
from pipelines.objects.uids import derive

MADE = derived()


@given(st.text(max_size=70), st.text(max_size=20), st.integers(0, 10**6))
def test_derived_uids_are_valid_and_repeat(digest: str, role: str, index: int) -> None:
    uid = UID(derive(digest, role, index))
    assert uid.is_valid
    assert uid == derive(digest, role, index)
    assert UUID(int=int(uid.removeprefix("2.25."))).version == 8


def test_every_part_of_what_a_uid_follows_from_changes_it() -> None:
    assert len({derive("a", "ct", 1), derive("b", "ct", 1), derive("a", "mr", 1), derive("a", "ct", 2)}) == 4


@pytest.mark.parametrize("index", [0, -1])
def test_files_are_part_10_in_implicit_vr_little_endian(index: int) -> None:
    content = encode(MADE.objects[index])
    assert content[128:132] == b"DICM"
    back = dcmread(BytesIO(content))
    assert back.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    assert back.file_meta.MediaStorageSOPInstanceUID == back.SOPInstanceUID
    assert back.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert "SourceApplicationEntityTitle" not in back.file_meta


def test_bytes_are_the_same_after_reading_and_writing_again() -> None:
    for dataset in (MADE.images[3], MADE.structures):
        content = encode(dataset)
        assert encode(dcmread(BytesIO(content))) == content


def test_values_that_were_looked_at_are_written_the_same() -> None:
    content = encode(MADE.structures)
    for element in MADE.structures.iterall():
        assert element.tag
    for element in MADE.images[5].iterall():
        assert element.tag
    assert encode(MADE.structures) == content
    assert encode(MADE.images[5]) == encode(derived().images[5])


@given(st.floats(-99999, 99999))
def test_numbers_are_written_short_and_plain(value: float) -> None:
    written = text(exact(value))
    assert len(written) <= 16
    assert "e" not in written.lower()
    assert written != "-0"
    assert abs(float(written) - value) < 1e-8


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_numbers_that_no_decimal_string_holds_are_refused(value: float) -> None:
    with pytest.raises(UnfitObject) as caught:
        text(exact(value))
    assert caught.value.reason.code == "object-number-unwritable"
