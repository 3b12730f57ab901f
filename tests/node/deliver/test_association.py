"""The sending association: the bytes on disk are the bytes at the peer, and only its word counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from part10 import data_set_bytes
from pydicom.uid import CTImageStorage, MRImageStorage
from storable_files import write_storable

from node.deliver.association import StoreAssociation
from node.deliver.storable import StorableFile
from node.errors import Permanent, Transient
from node.network import PeerAddress


def dicom_file(folder: Path, sop_class: str = CTImageStorage) -> StorableFile:
    return StorableFile.of(write_storable(folder, sop_class))


@pytest.mark.hazard("HAZ-09")
def test_the_peer_gets_the_bytes_of_the_file(tmp_path: Path, start_pacs: Callable) -> None:
    pacs = start_pacs()
    files = [dicom_file(tmp_path) for _ in range(3)]
    with StoreAssociation(PeerAddress("PACS", "127.0.0.1", pacs.port), "NODE", files) as association:
        assert [association.store(file) for file in files] == [0, 0, 0]
    assert pacs.received == [(file.sop_instance_uid, data_set_bytes(file.path.read_bytes())) for file in files]
    assert pacs.associations == 1


def test_the_status_is_the_peers(tmp_path: Path, start_pacs: Callable) -> None:
    pacs = start_pacs(0xB000, 0xA700, 0xC001)
    files = [dicom_file(tmp_path) for _ in range(3)]
    with StoreAssociation(PeerAddress("PACS", "127.0.0.1", pacs.port), "NODE", files) as association:
        assert [association.store(file) for file in files] == [0xB000, 0xA700, 0xC001]


def test_an_abort_is_no_status(tmp_path: Path, start_pacs: Callable) -> None:
    pacs = start_pacs(-1)
    file = dicom_file(tmp_path)
    with (
        StoreAssociation(PeerAddress("PACS", "127.0.0.1", pacs.port), "NODE", [file]) as association,
        pytest.raises(Transient, match="peer-aborted"),
    ):
        association.store(file)


def test_nobody_there_is_a_passing_fault(tmp_path: Path) -> None:
    file = dicom_file(tmp_path)
    with (
        pytest.raises(Transient, match=r"peer-unreachable.*PACS@127\.0\.0\.1:9"),
        StoreAssociation(PeerAddress("PACS", "127.0.0.1", 9), "NODE", [file]),
    ):
        pass


def test_a_wrong_called_title_is_for_good(tmp_path: Path, start_pacs: Callable) -> None:
    pacs = start_pacs(require_called=True)
    file = dicom_file(tmp_path)
    with (
        pytest.raises(Permanent, match="association-rejected"),
        StoreAssociation(PeerAddress("OTHER", "127.0.0.1", pacs.port), "NODE", [file]),
    ):
        pass


def test_a_class_that_the_peer_does_not_take_is_named(tmp_path: Path, start_pacs: Callable) -> None:
    pacs = start_pacs()
    taken, not_taken = dicom_file(tmp_path), dicom_file(tmp_path, MRImageStorage)
    with StoreAssociation(PeerAddress("PACS", "127.0.0.1", pacs.port), "NODE", [taken, not_taken]) as association:
        assert association.store(taken) == 0
        with pytest.raises(Permanent, match=f"context-refused.*{MRImageStorage}"):
            association.store(not_taken)


@pytest.mark.parametrize("content", [b"", b"just text", b"\0" * 128 + b"DICM"])
def test_a_file_that_is_no_dicom_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "note.txt"
    file.write_bytes(content)
    with pytest.raises(Permanent, match=r"file-not-dicom.*note\.txt"):
        StorableFile.of(file)
