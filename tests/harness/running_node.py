"""The node as its users have it: a process with a settings file, a command line, and a DICOM port."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from dcmtk import echoes
from pydicom import dcmread
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool
from ungated_model import ungated_packages, ungated_rules
from waiting import children, free_port, wait_for

Json = dict[str, Any]


class RunningNode:
    """A node of a test's own, on loopback and a free port.

    Parameters
    ----------
    folder
        For its settings, data and log.
    destinations
        As in the settings file.
    quiet_seconds
        After which a study settles.
    database_url
        As in the settings file; None: SQLite in the data folder.
    environment
        What its processes find in their environment beside the tests' own.
    """

    ae_title = "SYNTHNODE"

    def __init__(
        self,
        folder: Path,
        *,
        quiet_seconds: float = 5.0,
        database_url: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.data = folder / "data"
        self.settings_file = folder / "synthnode.yaml"
        self._quiet_seconds = quiet_seconds
        self._database_url = database_url
        self.environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True)

    def configure(self, destinations: Sequence[Mapping[str, Any]], **sections: Any) -> None:
        """Write the settings file; results go to `destinations`, peers with `deliver`.

        Unless `sections` say otherwise, rules order the shipped network without its input gate: see `ungated_model`.
        """
        settings = {
            "schema": 1,
            "node": {"name": "E2E"},
            "data": str(self.data),
            "receive": {
                "ae_title": self.ae_title,
                "host": "127.0.0.1",
                "port": self.port,
            },
            "database": {"url": self._database_url},
            "settle": {"quiet_seconds": self._quiet_seconds},
            "peers": [
                *(
                    {"name": name.lower(), "ae_title": name, "host": "127.0.0.1", "may": ["store"]}
                    for name in ("SCANNER", "ORTHANC", "ECHOSCU")
                ),
                *(dict(destination) for destination in destinations),
            ],
            "delivery": {"ae_title": self.ae_title, "retry_seconds": [0.5, 1, 2]},
            "rules": str(ungated_rules(self.folder / "rules.yaml")),
            "compute": {"devices": ["cpu"], "packages": str(ungated_packages())},
            **sections,
        }
        self.settings_file.write_text(yaml.safe_dump(settings, sort_keys=False))

    # Its life.

    def start(self) -> None:
        """Start it, and wait until it says that it is ready and answers C-ECHO."""
        before = self.log.count(READY)
        with (self.folder / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*SYNTHNODE, "serve", "--config", str(self.settings_file)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=self.environment,
            )
        wait_for(lambda: self._runs() and self.log.count(READY) > before, within=300, what="the node to be ready")
        assert echoes(self.port, self.ae_title)

    def stop(self) -> int:
        """Ask it to stop, as a service manager does, and return its exit status."""
        assert self._process is not None
        self._process.terminate()
        status = self._process.wait(timeout=60)
        self._process = None
        return status

    def end(self) -> None:
        """Leave nothing running, whatever happened."""
        if self._process is None:
            return
        below = children(self._process.pid)
        self._process.kill()
        self._process.wait()
        self._process = None
        for pid in below:
            _kill(pid)

    def kill(self, name: str) -> int:
        """SIGKILL one of its processes: `supervisor`, `receive`, `engine` or `worker`; return the process id.

        A killed supervisor is waited for together with its children, which must notice by themselves.
        """
        if name != "supervisor":
            pid = self.pid_of(name)
            _kill(pid)
            return pid
        assert self._process is not None
        pid, below = self._process.pid, set(children(self._process.pid))
        self._process.kill()
        self._process.wait()
        self._process = None
        wait_for(lambda: not any(_runs(child) for child in below), within=60, what="orphans to end by themselves")
        return pid

    def kill_child(self, pid: int) -> None:
        """SIGKILL one of its processes by its process id."""
        _kill(pid)

    @property
    def pid(self) -> int:
        """The process id of its supervisor."""
        assert self._process is not None
        return self._process.pid

    def pid_of(self, name: str, *, other_than: int = 0) -> int:
        """Return the process id of one of its children once it runs, and is not the one that was killed."""
        assert self._process is not None
        supervisor = self._process.pid

        def look() -> int | None:
            for pid, command in children(supervisor).items():
                if f"node.processes.{name}" in command and pid != other_than:
                    return pid
            return None

        return wait_for(look, within=60, what=f"a {name} process")

    def _runs(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the node ended:\n{self.log[-3000:]}"
        return True

    @property
    def log(self) -> str:
        """All that it logged."""
        file = self.folder / "serve.log"
        return file.read_text() if file.exists() else ""

    # Its command line.

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a ``synthnode`` command with this node's settings."""
        environment = {**self.environment, "SYNTHNODE_CONFIG": str(self.settings_file)}
        return subprocess.run(
            [*SYNTHNODE, *arguments], env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    def json(self, *arguments: str) -> Json:
        """Run a command with ``--json``, which must succeed, and return the object of its last line."""
        done = self.command(*arguments, "--json")
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        answer: Json = json.loads(done.stdout.strip().splitlines()[-1])
        return answer

    def status(self) -> Json:
        """Return what ``status`` says of everything."""
        return self.json("status")

    def study(self, uid: str) -> Json | None:
        """Return what ``status`` says of one study, or None while the node does not know it."""
        return next((study for study in self.status()["studies"] if study["study_uid"] == uid), None)

    def wait_for_study(self, uid: str, when: Callable[[Json], Any], *, within: float, what: str) -> Json:
        """Return the study's status once `when` holds for it."""
        last: Json | None = None
        mark: object = None
        asked_at = 0.0

        def look() -> Json | None:
            # Each question starts a Python, on the cores that the node computes with: ask when something stirred.
            nonlocal last, mark, asked_at
            before, mark = mark, self._mark()
            if mark == before and time.monotonic() - asked_at < ASK_ANYWAY_S:
                return None
            asked_at = time.monotonic()
            last = self.study(uid)
            return last if last is not None and when(last) else None

        try:
            return wait_for(look, within=within, what=what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{json.dumps(last, indent=1)}\n{self.log[-2000:]}") from None

    def _mark(self) -> object:
        """Return something that changes when a state of the node does, read from its database beside it.

        It only says when to ask: what is judged comes by the command line, and without this it would come later.
        """
        questions = (
            "SELECT study_uid, state, revision FROM studies",
            "SELECT run_id, state FROM runs",
            "SELECT delivery_id, state, attempts FROM deliveries",
            "SELECT count(*) FROM quarantine",
        )
        try:
            with self.database().connect() as database:
                return [sorted(map(tuple, database.execute(text(question)))) for question in questions]
        except DBAPIError:
            return None

    def database(self) -> Engine:
        """Return its database, to look into beside it."""
        if self._database_url is None:
            url = f"sqlite:///file:{self.data / 'node.db'}?mode=ro&uri=true"
        else:
            url = self._database_url.replace("postgresql://", "postgresql+psycopg://")
        return create_engine(url, poolclass=NullPool)

    def wait_until_held(self, uid: str, *, within: float = 300) -> Json:
        """Return the study's one run once it is held; another end is a failure at once."""
        study = self.wait_for_study(uid, ended, within=within, what="a held result")
        assert states(study) == ["held"], json.dumps(study["runs"], indent=1)
        run: Json = study["runs"][0]
        return run

    def wait_until_delivered(self, uid: str, *, within: float = 300) -> Json:
        """Return the study once its one run is delivered."""
        return self.wait_for_study(uid, lambda s: states(s) == ["delivered"], within=within, what="the delivery")

    def release(self, uid: str, by: str = "e2e", reason: str = "looked at by a test") -> Json:
        """Release the study's held result."""
        return self.json("release", uid, "--by", by, "--reason", reason)

    def audit_codes(self, study_uid: str | None) -> list[str]:
        """Return the codes of the audit rows of a study, or of those that belong to none, in their order."""
        question = "SELECT code FROM audit_rows WHERE coalesce(study_uid, '') = :study ORDER BY sequence"
        with self.database().connect() as database:
            return list(database.execute(text(question), {"study": study_uid or ""}).scalars())

    def kept(self, sop_instance_uids: Collection[str]) -> dict[str, list[bytes]]:
        """Return the files that it keeps of these SOP Instance UIDs, found by reading its data folder."""
        while True:
            try:
                return self._kept(sop_instance_uids)
            except FileNotFoundError:
                continue  # something was moved or removed between listing and looking: look again

    def _kept(self, sop_instance_uids: Collection[str]) -> dict[str, list[bytes]]:
        found: dict[str, list[bytes]] = {}
        for file in sorted(self.data.rglob("*")):
            if not file.is_file() or file.stat().st_size < 132:
                continue
            with file.open("rb") as stream:
                if stream.read(132)[128:] != b"DICM":
                    continue
            uid = str(dcmread(file, specific_tags=["SOPInstanceUID"]).SOPInstanceUID)
            if uid in sop_instance_uids:
                found.setdefault(uid, []).append(file.read_bytes())
        return found


READY = "synthnode is ready"

ASK_ANYWAY_S = 10.0
"""The node is asked at least so often."""

SYNTHNODE = (str(Path(sys.executable).parent / "synthnode"),)
"""The command as it was installed."""


def states(study: Json) -> list[str]:
    """Return the states of a study's runs, in their order."""
    return [run["state"] for run in study["runs"]]


def ended(study: Json) -> bool:
    """Tell whether the study has runs, and none of them is on its way to a result."""
    return bool(study["runs"]) and {"queued", "running"}.isdisjoint(states(study))


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
