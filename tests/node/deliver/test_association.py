"""The sending association: the bytes on disk are the bytes at the peer, and only its word counts."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ImplicitVRLittleEndian, MRImageStorage, generate_uid

from node.deliver.association import StorableFile, StoreAssociation
from node.errors import Permanent, Transient
from node.network import PeerAddress


def dicom_file(folder: Path, sop_class: str = CTImageStorage) -> StorableFile:
    dataset = Dataset()
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = generate_uid()
    dataset.PatientID = "P"
    dataset.EncapsulatedDocument = bytes(range(256)) * 4
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    path = folder / f"{dataset.SOPInstanceUID}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return StorableFile.of(path)


def data_set_bytes(path: Path) -> bytes:
    content = path.read_bytes()
    stream = BytesIO(content)
    dcmread(stream, stop_before_pixels=True, specific_tags=["SOPClassUID"])
    meta = dcmread(BytesIO(content)).file_meta
    start = 132 + 12 + meta.FileMetaInformationGroupLength
    return content[start:]


@pytest.mark.hazard("HAZ-09")
def test_the_peer_gets_the_bytes_of_the_file(tmp_path: Path, start_pacs: Callable) -> None:
    pacs = start_pacs()
    files = [dicom_file(tmp_path) for _ in range(3)]
    with StoreAssociation(PeerAddress("PACS", "127.0.0.1", pacs.port), "NODE", files) as association:
        assert [association.store(file) for file in files] == [0, 0, 0]
    assert pacs.received == [(file.sop_instance_uid, data_set_bytes(file.path)) for file in files]
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
