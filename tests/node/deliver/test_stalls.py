"""Peers that stop in the middle of a PDU, at any byte, or stop reading: the sender is let go within its limits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ImplicitVRLittleEndian, generate_uid
from raw_scp import RawScp

from node.deliver.association import StorableFile, StoreAssociation
from node.deliver.deadline import TimeLimits
from node.errors import Transient
from node.network import PeerAddress

QUICK = TimeLimits(connect_s=0.1, associate_s=0.3, response_s=0.3, release_s=0.2, attempt_s=5.0)
LONGEST_S = 10.0
"""A bound for a loaded machine; without the limits nothing here ends within a minute."""

OFFSETS = {
    "accept": (*range(11), *range(15, 170, 31)),
    "reject": range(10),
    "response": (*range(13), *range(20, 120, 25)),
    "release": range(10),
    "abort": range(10),
}
"""Bytes that are sent before the stall: every one of a PDU's head and of short PDUs, some of the long ones' rest."""


@pytest.fixture
def start_scp() -> Iterator[Callable[..., RawScp]]:
    started: list[RawScp] = []

    def start(*args: object, **options: object) -> RawScp:
        scp = RawScp(*args, **options)  # type: ignore[arg-type]
        started.append(scp)
        return scp

    yield start
    for scp in started:
        scp.close()


def file_of(folder: Path, size: int = 1024) -> StorableFile:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, generate_uid()
    dataset.EncapsulatedDocument = bytes(size)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    path = folder / f"{dataset.SOPInstanceUID}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return StorableFile.of(path)


def send(scp: RawScp, file: StorableFile, limits: TimeLimits = QUICK) -> tuple[str, float]:
    """Send one file; return the status or the reason's code, and the seconds that it took."""
    began = time.monotonic()
    try:
        with StoreAssociation(PeerAddress("PACS", "127.0.0.1", scp.port), "NODE", [file], limits=limits) as association:
            told = f"{association.store(file):04X}"
    except Transient as why:
        told = why.reason.code
    return told, time.monotonic() - began


def test_the_stand_in_stores_when_it_does_not_stall(tmp_path: Path, start_scp) -> None:
    scp, file = start_scp(), file_of(tmp_path)
    assert send(scp, file)[0] == "0000"
    assert scp.stored == [file.sop_instance_uid]


@pytest.mark.hazard("HAZ-11")
@pytest.mark.parametrize("pdu", list(OFFSETS))
def test_half_a_pdu_holds_the_sender_no_longer_than_its_limit(pdu: str, tmp_path: Path, start_scp) -> None:
    file = file_of(tmp_path)
    stalling = [start_scp(pdu, at) for at in OFFSETS[pdu]]
    with ThreadPoolExecutor(max_workers=8) as pool:
        ended = list(pool.map(lambda scp: send(scp, file), stalling))
    # A peer that has answered has the object, whatever it does when it is asked to part.
    expected = {"release": {"0000"}, "abort": {"peer-stalled", "peer-aborted"}}.get(pdu, {"peer-stalled"})
    assert {told for told, _ in ended} == expected
    assert max(seconds for _, seconds in ended) < LONGEST_S


@pytest.mark.hazard("HAZ-11")
@pytest.mark.parametrize("pdu", ["accept", "response", "release"])
def test_a_byte_now_and_then_is_no_answer(pdu: str, tmp_path: Path, start_scp) -> None:
    told, seconds = send(start_scp(pdu, 3, drip_s=0.05), file_of(tmp_path))
    assert told == ("0000" if pdu == "release" else "peer-stalled")
    assert seconds < LONGEST_S


@pytest.mark.hazard("HAZ-11")
def test_a_peer_that_stops_reading_holds_nobody(tmp_path: Path, start_scp) -> None:
    limits = TimeLimits(response_s=0.3, release_s=0.2, slowest_bytes_per_s=1 << 30)
    told, seconds = send(start_scp(reads=False), file_of(tmp_path, 16 << 20), limits)
    assert told == "peer-stalled"
    assert seconds < LONGEST_S


def test_all_objects_together_have_a_limit_too(tmp_path: Path, start_scp) -> None:
    scp, file = start_scp("response", 3, drip_s=0.05), file_of(tmp_path)
    limits = TimeLimits(attempt_s=0.1, slowest_bytes_per_s=1 << 30)
    assert send(scp, file, limits)[0] == "peer-stalled"


def test_nothing_of_a_stalled_association_stays_behind(tmp_path: Path, start_scp) -> None:
    send(start_scp("response", 5), file_of(tmp_path))
    deadline = time.monotonic() + LONGEST_S
    while (left := threads_of_associations()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not left


def threads_of_associations() -> set[str]:
    return {type(thread).__name__ for thread in threading.enumerate()} & {"Association", "DULServiceProvider", "Timer"}


def test_a_large_object_has_the_time_that_a_slow_line_takes() -> None:
    limits = TimeLimits(response_s=60.0, slowest_bytes_per_s=65536)
    assert limits.store_s(0) == 60.0
    assert limits.store_s(512 << 20) == 60.0 + 8192.0
