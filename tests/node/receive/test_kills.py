"""SIGKILL of a receiver at random moments of running transfers: nothing that was acknowledged is lost."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import pytest
from evidence import Rounds
from part10 import data_set_bytes
from raw_scu import RawScu
from receiver_process import started
from small_dicom import ROOT, ct, file_of

from node.archive.files import ArchiveFiles
from node.archive.headers import read_header
from node.receive.entries import InstanceReceived, ReceiverStarted
from node.receive.journal import JournalReader

SENDERS = 3
SIZES = (0, 40_000, 400_000)


class Scanner(threading.Thread):
    """Sends instance after instance, and remembers which were acknowledged."""

    def __init__(self, port: int, series: str, chance: random.Random) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._series = series
        self._chance = chance
        self.sent: dict[str, bytes] = {}
        self.acknowledged: list[str] = []

    def run(self) -> None:
        try:
            with RawScu(self._port) as scu:
                for number in range(1, 10_000):
                    filler = self._chance.randbytes(self._chance.choice(SIZES))
                    ds = ct(number, series=self._series)
                    ds.add_new(0x00091011, "OB", filler + bytes(len(filler) % 2))
                    uid, body = str(ds.SOPInstanceUID), data_set_bytes(file_of(ds))
                    self.sent[uid] = body
                    if scu.store(uid, body) != 0:
                        return
                    self.acknowledged.append(uid)
        except OSError:
            return


@pytest.mark.hazard("HAZ-01")
@pytest.mark.suite("kills", quick=4, full=200)
def test_every_acknowledged_instance_outlives_the_receiver(tmp_path: Path, rounds: Rounds) -> None:
    files = ArchiveFiles(tmp_path / "archive")
    total = 0
    looked_at: set[str] = set()
    for number, chance in enumerate(rounds):
        receiver = started(tmp_path)
        scanners = [
            Scanner(receiver.port, f"{ROOT}.{number + 1}.{i}", random.Random(chance.random())) for i in range(SENDERS)
        ]
        for scanner in scanners:
            scanner.start()
        time.sleep(chance.uniform(0.02, 0.8))
        receiver.end()
        for scanner in scanners:
            scanner.join(20)
        receipts = {
            line.entry.sop_instance_uid: line.entry
            for line in JournalReader(tmp_path / "journal").read("receive")
            if isinstance(line.entry, InstanceReceived)
        }
        for scanner in scanners:
            for uid in scanner.acknowledged:
                receipt = receipts[uid]
                kept = files.path(receipt.location)
                assert data_set_bytes(kept.read_bytes()) == scanner.sent[uid]
                assert files.hash_of(receipt.location) == receipt.sha256
            total += len(scanner.acknowledged)
        # Of what was not acknowledged, nothing has a name that is not whole.
        for location in set(files.locations()) - looked_at:
            looked_at.add(location)
            assert read_header(files.path(location)).modality == "CT"
            assert location.endswith(f"/{files.hash_of(location)}.dcm")
    assert total > 0


@pytest.mark.hazard("HAZ-20")
def test_the_next_start_clears_what_was_half_written(tmp_path: Path) -> None:
    receiver = started(tmp_path)
    with RawScu(receiver.port) as scu:
        assert scu.store(f"{ROOT}.1.1.1", data_set_bytes(file_of(ct(1)))) == 0
        receiver.end()
    part = next((tmp_path / "archive" / "staging" / "local").glob("*.lock")).stem
    (tmp_path / "archive" / "staging" / "local" / f"{part}.7.part").write_bytes(b"half")
    again = started(tmp_path)
    with RawScu(again.port) as scu:
        assert scu.store(f"{ROOT}.1.1.2", data_set_bytes(file_of(ct(2)))) == 0
    again.end()
    assert list((tmp_path / "archive" / "staging" / "local").glob("*.part")) == []
    entries = [line.entry for line in JournalReader(tmp_path / "journal").read("receive")]
    assert sum(isinstance(entry, ReceiverStarted) for entry in entries) == 2
