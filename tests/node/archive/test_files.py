"""The archive's files: durable, found by content, and out of a hostile sender's reach."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from part10 import data_set_bytes
from small_dicom import ct, file_of

from node.archive.files import ArchiveFiles
from node.errors import Permanent, Transient

EXPLICIT = "1.2.840.10008.1.2.1"


def all_files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.suffix != ".lock")


def test_the_name_is_the_hash_of_transfer_syntax_and_data_set(tmp_path: Path) -> None:
    files = ArchiveFiles(tmp_path)
    content = file_of(ct())
    kept = files.keep(io.BytesIO(content))
    expected = hashlib.sha256(EXPLICIT.encode() + b"\x00" + data_set_bytes(content)).hexdigest()
    assert kept.sha256 == expected == files.hash_of(kept.location)
    assert kept.location == f"{expected[:2]}/{expected}.dcm"
    assert kept.size == len(content)
    assert files.path(kept.location).stat().st_mode & 0o222 == 0
    assert files.path(kept.location).read_bytes() == content


def test_keeping_again_keeps_the_first_file(tmp_path: Path) -> None:
    files = ArchiveFiles(tmp_path)
    content = file_of(ct())
    first = files.keep(io.BytesIO(content))
    with_other_preamble = b"x" * 128 + content[128:]
    assert files.keep(io.BytesIO(with_other_preamble)) == first
    assert all_files(tmp_path) == [first.location]
    assert files.path(first.location).read_bytes() == content


def test_a_data_set_from_the_network_is_the_same_content_as_its_file(tmp_path: Path) -> None:
    files = ArchiveFiles(tmp_path)
    ds = ct()
    body = data_set_bytes(file_of(ds))
    sent = files.keep_data_set(ds.SOPClassUID, ds.SOPInstanceUID, EXPLICIT, io.BytesIO(body))
    assert sent.sha256 == files.keep(io.BytesIO(file_of(ds))).sha256
    assert data_set_bytes(files.path(sent.location).read_bytes()) == body


def test_the_transfer_syntax_is_part_of_the_content(tmp_path: Path) -> None:
    files = ArchiveFiles(tmp_path)
    same_bytes = b"\x08\x00\x60\x00\x02\x00\x00\x00CT"
    kept = {
        files.keep_data_set("1.2", "1.2.3", syntax, io.BytesIO(same_bytes)).sha256
        for syntax in ("1.2.840.10008.1.2", EXPLICIT)
    }
    assert len(kept) == 2


@pytest.mark.hazard("HAZ-24")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(min_size=1, max_size=3000), uid=st.text(alphabet="0123456789./\\", max_size=70))
def test_what_is_kept_has_the_same_bytes_and_stays_in_the_folder(tmp_path: Path, body: bytes, uid: str) -> None:
    root = tmp_path / "archive"
    files = ArchiveFiles(root)
    kept = files.keep_data_set("1.2.840.10008.5.1.4.1.1.2", uid, EXPLICIT, io.BytesIO(body))
    assert files.path(kept.location).read_bytes().endswith(body)
    assert files.path(kept.location).resolve().is_relative_to(root)
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]


@pytest.mark.hazard("HAZ-24")
@pytest.mark.parametrize(
    "location",
    ["", "../x", "/etc/passwd", "ab/../../x", "ab/" + "cd" * 32 + ".dcm", "ab/" + "ab" * 32 + ".dcm/..", "ab/x.dcm"],
)
def test_a_location_that_keep_never_gave_is_refused(tmp_path: Path, location: str) -> None:
    with pytest.raises(Permanent, match="archive-location-invalid"):
        ArchiveFiles(tmp_path).path(location)


@pytest.mark.parametrize("content", [b"", b"no DICOM", bytes(128) + b"DICM", file_of(ct())[:150]])
def test_what_has_no_file_meta_information_is_not_kept(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Permanent, match="no-dicom-file"):
        ArchiveFiles(tmp_path).keep(io.BytesIO(content))
    assert all_files(tmp_path) == []


@pytest.mark.hazard("HAZ-20")
@pytest.mark.parametrize("broken", ["write", "fdatasync", "link", "fsync"])
def test_a_full_disk_leaves_nothing_half_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    files = ArchiveFiles(tmp_path)
    files.keep(io.BytesIO(file_of(ct(1))))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, broken, full)
        with pytest.raises(Transient) as caught:
            files.keep(io.BytesIO(file_of(ct(2))))
    assert caught.value.reason.code == "archive-full"
    assert caught.value.reason.parameters["folder"] == str(tmp_path)
    assert not list((tmp_path / "staging").glob("*.part"))
    # A name without a flushed directory entry may stay: it is whole, and was not acknowledged.
    assert len(all_files(tmp_path)) == (2 if broken == "fsync" else 1)
    assert files.keep(io.BytesIO(file_of(ct(2)))).location in all_files(tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Transient) as caught:
        ArchiveFiles(tmp_path / "file").keep(io.BytesIO(file_of(ct())))
    assert caught.value.reason.code == "archive-not-writable"


def test_a_file_that_was_damaged_meanwhile_is_replaced_when_it_comes_again(tmp_path: Path) -> None:
    files = ArchiveFiles(tmp_path)
    content = file_of(ct())
    kept = files.keep(io.BytesIO(content))
    files.path(kept.location).chmod(0o600)
    files.path(kept.location).write_bytes(content[:-20])
    assert files.keep(io.BytesIO(content)) == kept
    assert files.path(kept.location).read_bytes() == content


def test_leftovers_of_the_dead_are_cleared_and_those_of_the_living_are_not(tmp_path: Path) -> None:
    staging = tmp_path / "staging" / "this"
    living = ArchiveFiles(tmp_path, "this")
    living.keep(io.BytesIO(file_of(ct(1))))
    prefix = next(staging.glob("*.lock")).stem
    (staging / f"{prefix}.99.part").write_bytes(b"being written")
    (staging / "dead.lock").touch()
    (staging / "dead.0.part").write_bytes(b"left")
    # Another machine's lock may look free from here, over a network file system: what it writes is left alone.
    other = tmp_path / "staging" / "other"
    other.mkdir()
    (other / "unlocked.lock").touch()
    (other / "unlocked.0.part").write_bytes(b"being written")
    ArchiveFiles(tmp_path, "this").keep(io.BytesIO(file_of(ct(2))))
    assert (other / "unlocked.0.part").exists()
    assert [path.name for path in staging.glob("*.part")] == [f"{prefix}.99.part"]
    assert not (staging / "dead.lock").exists()


def test_many_at_once_keep_everything_once(tmp_path: Path) -> None:
    contents = [file_of(ct(number % 7)) for number in range(42)]
    kept: list[str] = []

    def keep(own: ArchiveFiles, content: bytes) -> None:
        kept.append(own.keep(io.BytesIO(content)).location)

    writers = [ArchiveFiles(tmp_path), ArchiveFiles(tmp_path)]
    threads = [threading.Thread(target=keep, args=(writers[i % 2], c)) for i, c in enumerate(contents)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept) == 42
    assert sorted(set(kept)) == all_files(tmp_path)
    assert len(set(kept)) == 7
