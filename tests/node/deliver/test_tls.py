"""Associations over TLS with DCMTK's storescp: its certificate is checked, and so is ours."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from certificates import Certificate, make_certificate
from part10 import data_set_bytes
from peers import program, quick_network
from storable_files import write_storable
from waiting import free_port, wait_for

from node.deliver.connection import connect
from node.deliver.deadline import TimeLimits
from node.deliver.storable import StorableFile
from node.errors import SettingsError, Transient
from node.network import Peer


def dicom_file(folder: Path) -> StorableFile:
    return StorableFile.of(write_storable(folder))


pytestmark = pytest.mark.peer("dcmtk", "openssl")


@pytest.fixture
def start_storescp(tmp_path: Path) -> Iterator[Callable[..., int]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(certificate: Certificate, client: Certificate) -> int:
        port = free_port()
        (tmp_path / "stored").mkdir()
        command = [program("storescp"), "--aetitle", "PACS", "--output-directory", str(tmp_path / "stored")]
        command += ["+tls", str(certificate.key), str(certificate.file), "--require-peer-cert"]
        command += ["--add-cert-file", str(client.file), str(port)]
        process = subprocess.Popen(command, env=quick_network(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        started.append(process)
        return port

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.hazard("HAZ-17")
def test_objects_go_encrypted_to_a_peer_whose_certificate_is_trusted_and_to_no_other(
    tmp_path: Path, start_storescp: Callable[..., int]
) -> None:
    theirs, ours = make_certificate(tmp_path / "theirs"), make_certificate(tmp_path / "ours", "node")
    port = start_storescp(theirs, ours)
    files = [dicom_file(tmp_path) for _ in range(3)]

    def send(ca_file: Path) -> list[int]:
        tls = {"ca_file": str(ca_file), "certificate_file": str(ours.file), "key_file": str(ours.key)}
        stated = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": port, "tls": tls, "deliver": {}}
        with connect(Peer(**stated), "NODE", files, "run", TimeLimits()) as connection:  # type: ignore[arg-type]
            return list(connection.store_each(files))

    def sent() -> bool:
        try:
            return send(theirs.file) == [0, 0, 0]
        except Transient:
            return False

    wait_for(sent, within=10, what="storescp to answer")
    stored = sorted((tmp_path / "stored").iterdir())
    assert sorted(data_set_bytes(file.read_bytes()) for file in stored) == sorted(
        data_set_bytes(file.path.read_bytes()) for file in files
    )
    with pytest.raises(Transient, match="tls-not-established"):
        send(ours.file)


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    tls = {"ca_file": str(tmp_path / "absent.pem")}
    peer = Peer(name="pacs", ae_title="PACS", host="127.0.0.1", port=9, tls=tls, deliver={})  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="tls-file-unusable"):
        connect(peer, "NODE", [dicom_file(tmp_path)], "run", TimeLimits())
