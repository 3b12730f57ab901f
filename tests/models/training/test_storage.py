"""A full disk while training: told as what it is, the last checkpoint whole, and the run goes on when there is room."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from training_toys import Told, kept, steps, trained

from models.errors import StorageFull
from models.training.checkpoint import CHECKPOINT, load_checkpoint


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 192 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=192k", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no permission to mount a small file system; the file limit below tries the same")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_ends_the_run_and_loses_nothing(small_disk: Path, tmp_path: Path) -> None:
    run = small_disk / "run"
    trained(run, steps(4, shape="level"))
    filler = small_disk / "filler"
    _fill(filler)
    with pytest.raises(StorageFull, match=r"No space left.*--resume"):
        trained(run, steps(20, shape="level"), resume=True)
    assert load_checkpoint(run)["progress"]["step"] == 4
    assert not list(run.rglob(".part-*"))
    filler.unlink()
    trained(run, steps(20, shape="level"), resume=True)
    trained(tmp_path / "whole", steps(20, shape="level"))
    ours, theirs = kept(run), kept(tmp_path / "whole")
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    lines = (run / "log.csv").read_text().splitlines()
    assert len({line.split(",")[0] for line in lines}) == len(lines)


@pytest.mark.parametrize("room", [0, 100, 2_000])
def test_a_file_that_may_not_grow_is_told_alike(tmp_path: Path, room: int) -> None:
    trained(tmp_path / "run", steps(4))
    newest = (tmp_path / "run" / CHECKPOINT).read_bytes()

    def attempt() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        trained(tmp_path / "run", steps(20), resume=True)

    assert _in_a_child(attempt) == "storage-full"
    assert (tmp_path / "run" / CHECKPOINT).read_bytes() == newest
    assert trained(tmp_path / "run", steps(20), Told(), resume=True).progress.step == 20


def _fill(file: Path) -> None:
    with file.open("wb", buffering=0) as stream:
        try:
            while stream.write(b"\0" * 512):
                pass
        except OSError:
            return


def _in_a_child(attempt: Callable[[], None]) -> str:
    """Return the code of the error that `attempt` ends with in a process of its own."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            attempt()
        except StorageFull as why:
            os.write(writing, why.code.encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        answer = told.read()
    os.wait()
    return answer
