"""The demo's node: `synthnode serve` as a process of its own, on loopback, with a settings file of its own."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

import yaml

from node.composition import Node
from node.demo.place import DemoFolder
from node.demo.stand_in_pacs import StandInPacs
from node.errors import Permanent, SettingsError, Transient
from node.network import PeerAddress, ResultClass
from node.settings import Settings, load_settings

SCANNER = "SCANNER"
"""AE title that the demo sends the study with."""

DESTINATION = "stand-in-pacs"
"""The stand-in PACS's name among the node's destinations."""

QUIET_S = 2.0
"""A hospital waits longer for late instances; here one association brings all of them."""

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1

_READY = "synthnode is ready"
_START_S = 120.0
_STOP_S = 20.0


class RunningNode:
    """A node that runs within a ``with`` block; entering returns when it is ready, leaving stops all of it.

    Parameters
    ----------
    folder
        Where its settings, data and log lie.
    pacs
        Its one destination, marked research.

    Raises
    ------
    SettingsError
        ``demo-environment`` when the environment would change the demo's settings.
    Permanent
        On entering: ``demo-node-died``, with the end of its log.
    Transient
        On entering: ``demo-node-slow``.
    """

    def __init__(self, folder: DemoFolder, pacs: StandInPacs) -> None:
        _check_environment()
        self._folder = folder
        port = _free_port()
        folder.node.mkdir(parents=True)
        folder.settings.write_text(yaml.safe_dump(_settings(port, pacs), sort_keys=False), encoding="utf-8")
        self.peer = PeerAddress("SYNTHNODE", "127.0.0.1", port)
        self.node = Node(load_settings(folder.settings))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._folder.log.open("wb") as log:
            # In a session of its own: Ctrl-C reaches the demo, which then stops the node in good order.
            self._process = subprocess.Popen(  # noqa: S603 (our own module)
                [sys.executable, "-m", "node.cli", "serve", "--config", str(self._folder.settings)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def check_alive(self) -> None:
        """Raise ``demo-node-died`` when the node has ended."""
        process = self._process
        if process is None or process.poll() is not None:
            status = "" if process is None else str(process.returncode)
            raise Permanent("demo-node-died", status=status, log=str(self._folder.log), said=self._last_words())

    def stop(self) -> None:
        """Stop the node and everything that it started; twice is as once."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _end_group(process)
            self.node.queue.close()

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_S
        while _READY not in self._said():
            if process.poll() is not None:
                self.check_alive()
            if time.monotonic() > deadline:
                raise Transient("demo-node-slow", seconds=int(_START_S), log=str(self._folder.log))
            time.sleep(0.05)

    def _said(self) -> str:
        return self._folder.log.read_text(encoding="utf-8", errors="replace")

    def _last_words(self) -> str:
        lines = [line for line in self._said().splitlines() if line.strip()]
        return " / ".join(lines[-3:]) or "(nothing)"


def _settings(port: int, pacs: StandInPacs) -> dict[str, object]:
    return {
        "schema": 1,
        "data": "data",
        "receive": {
            "ae_title": "SYNTHNODE",
            "host": "127.0.0.1",
            "port": port,
        },
        "settle": {"quiet_seconds": QUIET_S},
        "peers": [
            {"name": "scanner", "ae_title": SCANNER, "host": "127.0.0.1", "may": ["store"]},
            {
                "name": DESTINATION,
                "ae_title": pacs.ae_title,
                "host": "127.0.0.1",
                "port": pacs.port,
                # The demo's PACS takes everything, so that the uncertainty goes the whole way too.
                "deliver": {"research": True, "wants": [one.value for one in ResultClass]},
            },
        ],
    }


def _check_environment() -> None:
    for name in sorted(os.environ):
        key = name.removeprefix("SYNTHNODE_").split("__")[0].lower()
        if name.startswith("SYNTHNODE_") and key in Settings.model_fields:
            raise SettingsError("demo-environment", variable=name)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end_with_parent() -> None:
    # A demo that is killed outright cannot stop its node; the kernel then does (prctl(2), PR_SET_PDEATHSIG).
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    # The children end with their supervisor; this is for those of one that did not stop in time.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
