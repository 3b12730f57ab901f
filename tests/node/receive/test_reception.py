"""Real associations: what is acknowledged is kept byte for byte, and what is refused is refused by name."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dcmtk import dcmsend, echoes
from part10 import data_set_bytes
from peers import program, quick_network
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless
from pynetdicom import AE
from raw_scu import CT_IMAGE, EXPLICIT, IMPLICIT, RawScu
from small_dicom import ROOT, SERIES, ct, file_of, save

from node.errors import Transient
from node.network import Peer, Right
from node.receive.admission import Admission
from node.receive.contexts import STORAGE_CLASSES, TRANSFER_SYNTAXES, contexts_for
from node.receive.limits import ConnectionLimits

Loopback = Any
Opener = Callable[..., Loopback]

BODY = data_set_bytes(file_of(ct(1)))


def folder_of(where: Path, count: int, syntax: str = ExplicitVRLittleEndian, series: str = SERIES) -> Path:
    where.mkdir()
    for number in range(1, count + 1):
        save(ct(number, series=series), where, syntax)
    return where


def sent(folder: Path) -> dict[str, bytes]:
    return {str(dcmread(file).SOPInstanceUID): data_set_bytes(file.read_bytes()) for file in folder.iterdir()}


def kept_data_sets(loopback: Loopback) -> dict[str, bytes]:
    return {uid: data_set_bytes(content) for uid, content in loopback.kept().items()}


@pytest.mark.peer("dcmtk")
def test_echo(loopback: Loopback) -> None:
    assert echoes(loopback.port, "SYNTHNODE")
    assert not echoes(loopback.port, "OTHER")
    assert loopback.refused() == ["called-ae-unknown"]


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_the_kept_bytes_are_the_sent_ones(loopback: Loopback, tmp_path: Path, syntax: str) -> None:
    folder = folder_of(tmp_path / "study", 6, syntax)
    scanner = [program("storescu"), "-aec", "SYNTHNODE", "-xi" if syntax == ImplicitVRLittleEndian else "-xe"]
    subprocess.run([*scanner, "127.0.0.1", str(loopback.port), "+sd", str(folder)], env=quick_network(), check=True)
    assert kept_data_sets(loopback) == sent(folder)
    assert {entry.transfer_syntax_uid for entry in loopback.received()} == {syntax}
    assert loopback.closed() == ["released"]


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize(
    ("tool", "options"),
    [
        ("dcmcjpeg", []),
        ("dcmcjpeg", ["+el"]),
        ("dcmcjpls", []),
        ("dcmcjpeg", ["+ee"]),
        ("dcmcrle", []),
    ],
)
def test_compressed_images_are_kept_as_they_are(
    loopback: Loopback, tmp_path: Path, tool: str, options: list[str]
) -> None:
    plain, folder = folder_of(tmp_path / "plain", 2), tmp_path / "study"
    folder.mkdir()
    for file in plain.iterdir():
        done = subprocess.run([program(tool), *options, file, folder / file.name], capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"{tool} {options}: {done.stderr.decode()[-200:]}")
    # By itself dcmsend decompresses where the acceptor prefers an uncompressed syntax.
    scanner = [program("dcmsend"), "--decompress-never", "-aec", "SYNTHNODE", "127.0.0.1", str(loopback.port)]
    subprocess.run([*scanner, "+sd", str(folder)], env=quick_network(), check=True)
    assert kept_data_sets(loopback) == sent(folder)
    assert {entry.transfer_syntax_uid for entry in loopback.received()} == {
        str(dcmread(file).file_meta.TransferSyntaxUID) for file in folder.iterdir()
    }
    assert EXPLICIT not in {entry.transfer_syntax_uid for entry in loopback.received()}


def test_pynetdicom_stores_too_and_names_the_peer(loopback: Loopback) -> None:
    ae = AE("SCANNER-1")
    ae.add_requested_context(CT_IMAGE, [IMPLICIT, EXPLICIT])
    association = ae.associate("127.0.0.1", loopback.port, ae_title="SYNTHNODE")
    assert association.is_established
    ds = ct(1)
    file_of(ds)
    assert association.send_c_store(ds).Status == 0x0000
    association.release()
    (entry,) = loopback.received()
    assert (entry.sender.calling_ae, entry.sender.called_ae, entry.sender.host) == (
        "SCANNER-1",
        "SYNTHNODE",
        "127.0.0.1",
    )
    assert entry.transfer_syntax_uid == EXPLICIT
    assert loopback.closed() == ["released"]


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ((IMPLICIT, EXPLICIT), EXPLICIT),
        ((JPEG2000Lossless, IMPLICIT), IMPLICIT),
        (("1.2.840.10008.1.2.4.50", JPEG2000Lossless), JPEG2000Lossless),
        (("1.2.840.10008.1.2.4.50",), "1.2.840.10008.1.2.4.50"),
        (("1.2.840.10008.1.2.2",), ""),
    ],
)
def test_what_keeps_most_is_preferred(loopback: Loopback, offered: tuple[str, ...], chosen: str) -> None:
    with RawScu(loopback.port, syntaxes=offered) as scu:
        assert scu.transfer_syntax == chosen


def test_every_storage_class_is_taken_and_an_unknown_one_is_not() -> None:
    assert len(STORAGE_CLASSES) > 150
    taken = {str(context.abstract_syntax): context for context in contexts_for([*STORAGE_CLASSES, "1.2.3"])}
    assert set(taken) == STORAGE_CLASSES
    assert [str(uid) for uid in taken[CT_IMAGE].transfer_syntax or ()] == list(TRANSFER_SYNTAXES)


def test_the_same_study_twice_is_kept_once_and_written_down_twice(loopback: Loopback, tmp_path: Path) -> None:
    for _ in range(2):
        with RawScu(loopback.port) as scu:
            assert [scu.store(f"{SERIES}.1", BODY), scu.store(f"{SERIES}.2", BODY + b"")] == [0, 0]
            scu.release()
    assert len(loopback.received()) == 4
    assert len(set(loopback.files.locations())) == 1


@pytest.mark.peer("dcmtk")
def test_several_senders_at_once(loopback: Loopback, tmp_path: Path) -> None:
    folders = [folder_of(tmp_path / str(n), 15, series=f"{ROOT}.1.{n}") for n in range(4)]
    counts: list[int] = []
    threads = [threading.Thread(target=lambda f=f: counts.append(dcmsend(f, loopback.port))) for f in folders]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [15] * 4
    assert kept_data_sets(loopback) == {uid: body for folder in folders for uid, body in sent(folder).items()}
    assert loopback.closed(4) == ["released"] * 4


@pytest.mark.parametrize(
    ("uid", "sop_class", "body", "status"),
    [
        ("../../../../tmp/x", CT_IMAGE, BODY, 0xC101),
        ("/etc/passwd", CT_IMAGE, BODY, 0xC101),
        ("1.2.3\x00/x", CT_IMAGE, BODY, 0xC101),
        (f"{SERIES}.1", CT_IMAGE, b"", 0xC100),
        (f"{SERIES}.1", "1.2.840.10008.5.1.4.1.1.4", BODY, 0xA900),
    ],
)
def test_what_is_not_in_order_is_refused_and_the_next_is_taken(
    loopback: Loopback, tmp_path: Path, uid: str, sop_class: str, body: bytes, status: int
) -> None:
    with RawScu(loopback.port) as scu:
        assert scu.store(uid, body, sop_class=sop_class) == status
        assert scu.store(f"{SERIES}.7", BODY) == 0
        scu.release()
    assert [entry.sop_instance_uid for entry in loopback.received()] == [f"{SERIES}.7"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["node"]


@pytest.mark.parametrize(("uid", "body", "status"), [("", BODY, 0xC102), (f"{SERIES}.1", None, 0xC100)])
def test_an_incomplete_request_is_answered(loopback: Loopback, uid: str, body: bytes | None, status: int) -> None:
    with RawScu(loopback.port) as scu:
        assert scu.store(uid, body) == status
        assert scu.store(f"{SERIES}.7", BODY) == 0
    assert len(loopback.received()) == 1


@pytest.mark.parametrize("uid", ["1" * 65, "1." * 500 + "1"])
def test_a_uid_that_no_message_may_hold_is_never_acknowledged(loopback: Loopback, uid: str) -> None:
    with RawScu(loopback.port) as scu:
        try:
            status = scu.store(uid, BODY)
        except ConnectionError:
            status = 0xFFFF
        assert status != 0
    assert loopback.received() == []
    with RawScu(loopback.port) as scu:
        assert scu.store(f"{SERIES}.7", BODY) == 0


@pytest.mark.hazard("HAZ-14")
def test_unknown_senders_are_rejected(opened: Opener) -> None:
    loopback = opened(
        Admission(
            "SYNTHNODE",
            (
                Peer(name="scanner", ae_title="SCANNER", host="127.0.0.1", may=(Right.STORE,)),
                Peer(name="away", ae_title="AWAY", host="192.0.2.1", may=(Right.STORE,)),
            ),
            9,
        )
    )
    for calling, reason in (("STRANGER", "calling-ae-unknown"), ("AWAY", "address-unknown")):
        with RawScu(loopback.port, calling=calling) as scu:
            assert (scu.answer, scu.rejection) == (3, (1, 1, 3))
        assert loopback.refused()[-1] == reason
    with RawScu(loopback.port, calling="SCANNER") as scu:
        assert scu.store(f"{SERIES}.1", BODY) == 0


@pytest.mark.hazard("HAZ-14")
def test_more_associations_than_the_limit_are_rejected_for_now(opened: Opener) -> None:
    loopback = opened(Admission("SYNTHNODE", (), 2))
    with RawScu(loopback.port) as first, RawScu(loopback.port) as second:
        with RawScu(loopback.port) as third:
            assert third.rejection == (2, 3, 2)
        assert first.store(f"{SERIES}.1", BODY) == second.store(f"{SERIES}.2", BODY) == 0


@pytest.mark.parametrize("how", ["abort", "cut"])
def test_an_association_that_ends_in_the_middle_keeps_what_was_acknowledged(loopback: Loopback, how: str) -> None:
    with RawScu(loopback.port) as scu:
        assert scu.store(f"{SERIES}.1", BODY) == 0
        scu.begin_store(f"{SERIES}.2")
        scu.send_data(BODY[:300], last=False)
        if how == "abort":
            scu.abort()
    assert loopback.closed() == ["aborted" if how == "abort" else "lost"]
    assert set(loopback.kept()) == {f"{SERIES}.1"}
    assert len(list(loopback.files.locations())) == 1


@pytest.mark.hazard("HAZ-24")
@pytest.mark.parametrize("words", [b"GET / HTTP/1.1\r\n\r\n", b"\x04\x00\xff\xff\xff\xff" + b"x" * 100, b"\x01\x00"])
def test_nonsense_harms_nobody_else(opened: Opener, words: bytes) -> None:
    loopback = opened(limits=ConnectionLimits(request_seconds=0.5))
    with RawScu(loopback.port) as good, RawScu(loopback.port) as bad:
        bad.socket.sendall(words)
        assert good.store(f"{SERIES}.1", BODY) == 0
    assert len(loopback.received()) == 1


@pytest.mark.hazard("HAZ-14")
def test_an_association_that_says_nothing_is_ended(opened: Opener) -> None:
    loopback = opened(limits=ConnectionLimits(idle_seconds=0.5))
    with RawScu(loopback.port) as scu:
        assert scu.closed_within(10)
    assert loopback.closed() == ["aborted"]


@pytest.mark.hazard("HAZ-20")
@pytest.mark.parametrize("full", ["node.archive.files._write", "node.receive.journal.Journal.append"])
def test_a_full_disk_is_a700_and_it_goes_on_afterwards(
    loopback: Loopback, monkeypatch: pytest.MonkeyPatch, full: str
) -> None:
    def no_space(*_: object) -> int:
        if full.endswith("append"):
            raise Transient("journal-not-writable", folder="x", error="x")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with RawScu(loopback.port) as scu:
        with monkeypatch.context() as patched:
            patched.setattr(full, no_space)
            assert scu.store(f"{SERIES}.1", BODY) == 0xA700
        assert loopback.received() == []
        assert scu.store(f"{SERIES}.1", BODY) == 0
    assert set(loopback.kept()) == {f"{SERIES}.1"}


@pytest.mark.data
@pytest.mark.peer("dcmtk")
def test_a_real_study_comes_in_whole(loopback: Loopback, tmp_path: Path, real_data: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    for file in sorted((real_data / "mr-head-dicom").iterdir())[:40]:
        if file.read_bytes()[128:132] == b"DICM":
            (folder / file.name).write_bytes(file.read_bytes())
    assert dcmsend(folder, loopback.port) == len(list(folder.iterdir()))
    assert kept_data_sets(loopback) == sent(folder)
