"""The demo's folder: claimed for one demo at a time, and emptied only when an earlier demo filled it."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from node.errors import Permanent, Transient

_MARK = ".synthnode-demo"
_MADE_BY = {"schema": 1, "made_by": "synthnode demo"}


@dataclass(frozen=True, slots=True)
class DemoFolder:
    """Where the parts of a demo lie."""

    root: Path

    @property
    def node(self) -> Path:
        """The node: its settings, its data folder, what it said."""
        return self.root / "node"

    @property
    def settings(self) -> Path:
        """The node's settings file."""
        return self.node / "synthnode.yaml"

    @property
    def log(self) -> Path:
        """What the node's processes printed."""
        return self.node / "serve.log"

    @property
    def study(self) -> Path:
        """The study that the demo made itself."""
        return self.root / "study"

    @property
    def truth(self) -> Path:
        """The phantom's true CT as a DICOM series, for whoever wants to compare: never sent to anybody."""
        return self.root / "truth"

    @property
    def pacs(self) -> Path:
        """What the stand-in PACS got."""
        return self.root / "pacs"

    @property
    def pictures(self) -> Path:
        """The pictures and the report."""
        return self.root / "pictures"

    @property
    def result(self) -> Path:
        """What the demo found, as JSON."""
        return self.root / "demo.json"

    @property
    def own(self) -> tuple[Path, ...]:
        """Everything that a demo makes here."""
        return self.node, self.study, self.truth, self.pacs, self.pictures, self.result, self.root / _MARK


@contextmanager
def claimed(out: Path) -> Iterator[DemoFolder]:
    """Claim `out` for one demo and give it empty; what an earlier demo left there is removed.

    Raises
    ------
    Permanent
        ``demo-out-foreign``: there is something there that no demo made; nothing is touched.
    Transient
        ``demo-out-busy``: another demo is at work there.
    """
    folder = DemoFolder(out.resolve())
    _check_own(folder)
    try:
        folder.root.mkdir(parents=True, exist_ok=True)
        mark = (folder.root / _MARK).open("a+", encoding="utf-8")
    except OSError as error:
        raise Permanent("demo-out-not-writable", folder=str(out), error=error.strerror or str(error)) from error
    with mark:
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Transient("demo-out-busy", folder=str(out)) from None
        mark.truncate(0)
        mark.write(json.dumps(_MADE_BY))
        mark.flush()
        for path in folder.own:
            if path.name != _MARK:
                _remove(path)
        yield folder


def _check_own(folder: DemoFolder) -> None:
    root = folder.root
    if not root.exists():
        return
    if not root.is_dir():
        raise Permanent("demo-out-foreign", folder=str(root), found="a file")
    present = set(root.iterdir())
    foreign = sorted(path.name for path in present - set(folder.own))
    if foreign:
        raise Permanent("demo-out-foreign", folder=str(root), found=foreign[0])
    if present and not _is_mark(root / _MARK):
        raise Permanent("demo-out-foreign", folder=str(root), found=min(path.name for path in present))


def _is_mark(file: Path) -> bool:
    try:
        content = file.read_text(encoding="utf-8")
        # A demo that was killed between making and writing its mark leaves it empty.
        return content == "" or json.loads(content) == _MADE_BY
    except (OSError, ValueError):
        return False


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
