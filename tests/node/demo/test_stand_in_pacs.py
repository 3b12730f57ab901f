"""The stand-in PACS is a real SCP: judged by our SCU and by DCMTK's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from peers import program, quick_network

from node.archive.files import content_hash
from node.deliver.association import StoreAssociation
from node.deliver.storable import storable_files
from node.demo.stand_in_pacs import StandInPacs
from node.errors import Permanent
from node.network import PeerAddress


def test_it_keeps_what_it_gets_byte_for_byte(small_study: Path, tmp_path: Path) -> None:
    files = storable_files(sorted(small_study.glob("*.dcm"))[:3])
    with StandInPacs(tmp_path / "pacs") as pacs:
        with StoreAssociation(PeerAddress(pacs.ae_title, "127.0.0.1", pacs.port), "TEST", files) as association:
            assert [association.store(file) for file in files] == [0, 0, 0]
        kept = pacs.files()
    assert {file.stem for file in kept} == {file.sop_instance_uid for file in files}
    assert {content_hash(file) for file in kept} == {content_hash(file.path) for file in files}


def test_it_answers_to_its_own_name_only(small_study: Path, tmp_path: Path) -> None:
    files = storable_files(sorted(small_study.glob("*.dcm"))[:1])
    with StandInPacs(tmp_path / "pacs") as pacs:
        association = StoreAssociation(PeerAddress("OTHER", "127.0.0.1", pacs.port), "TEST", files)
        with pytest.raises(Permanent, match="association-rejected"), association:
            pass
    assert pacs.files() == ()


@pytest.mark.peer("dcmtk")
def test_dcmtk_stores_to_it(small_study: Path, tmp_path: Path) -> None:
    with StandInPacs(tmp_path / "pacs") as pacs:
        command = [program("dcmsend"), "-aec", pacs.ae_title, "127.0.0.1", str(pacs.port), "+sd", str(small_study)]
        subprocess.run(command, check=True, timeout=60, env=quick_network(), capture_output=True)
        subprocess.run([program("echoscu"), "-aec", pacs.ae_title, "127.0.0.1", str(pacs.port)], check=True, timeout=60)
        assert len(pacs.files()) == len(list(small_study.glob("*.dcm")))
