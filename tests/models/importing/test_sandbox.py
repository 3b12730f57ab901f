"""A conversion has no network, no more time than it is given, and leaves nothing but its answer."""

from __future__ import annotations

import pickle
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from models.errors import PackageError
from models.importing.sandbox import SandboxLimits, converted

ROOT = Path(__file__).parents[3]


class Calling:
    """A pickle that calls `function` when it is read."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call


def checkpoint(folder: Path, what: object) -> dict[str, object]:
    """A request to convert a checkpoint that is nothing but `what`."""
    (folder / "evil").mkdir()
    file = folder / "evil" / "checkpoint_final.pth"
    file.write_bytes(pickle.dumps(what))
    work = folder / "work"
    work.mkdir()
    return {
        "checkpoints": [str(file)],
        "architecture": {},
        "order": [0, 1, 2],
        "reversed": [],
        "inputs": 1,
        "fields": 2,
    }


def test_a_pickle_that_calls_home_does_not_get_through(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as home:
        home.settimeout(0.5)
        request = checkpoint(tmp_path, Calling(socket.create_connection, home.getsockname()[:2], 2.0))
        with pytest.raises(PackageError) as caught:
            converted("models.importing.nnunet_conversion", request, tmp_path / "work")
        with pytest.raises(TimeoutError):
            home.accept()
    assert caught.value.code == "conversion-failed"


def test_where_the_kernel_gives_no_namespace_python_has_no_sockets() -> None:
    code = (
        "from models.importing.sandbox_child import block_sockets; import socket; block_sockets()\n"
        "try: socket.create_connection(('127.0.0.1', 9), 1)\n"
        "except PermissionError as why: print(why)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "no network" in done.stdout


def test_how_it_was_confined_is_told(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "harmless.py").write_text("def convert(request, folder): return {'said': request['word']}")
    done = converted("harmless", {"word": 3}, tmp_path / "work", modules=tmp_path / "work")
    assert done.answer == {"said": 3}
    assert done.network in ("no network interface", "sockets blocked in Python only")


def test_one_that_does_not_end_is_ended(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "endless.py").write_text("import time\ndef convert(request, folder): time.sleep(60)")
    with pytest.raises(PackageError, match="conversion-overran"):
        converted("endless", {}, tmp_path / "work", SandboxLimits(seconds=2), modules=tmp_path / "work")


def test_one_that_wants_all_the_memory_fails(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "greedy.py").write_text("def convert(request, folder): return {'n': len(bytearray(3 << 30))}")
    with pytest.raises(PackageError) as caught:
        converted("greedy", {}, tmp_path / "work", SandboxLimits(memory_gb=2), modules=tmp_path / "work")
    assert "MemoryError" in str(caught.value.parameters["found"])


def test_our_environment_does_not_reach_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITE_SECRET", "not for models")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "curious.py").write_text("import os\ndef convert(request, folder): return dict(os.environ)")
    done = converted("curious", {}, tmp_path / "work", modules=tmp_path / "work")
    assert "not for models" not in done.answer.values()
