"""A full disk while training: told as what it is, the last checkpoint whole, and the run goes on when there is room."""

from __future__ import annotations

import errno
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
from models.training.disk_space import check_disk_space, free_bytes, space_needed
from models.training.ranks import Alone
from models.training.recipe import Recipe
from models.training.run import train
from models.training.storage import name_full_disk

pytestmark = pytest.mark.slow


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


def test_the_remedy_goes_by_what_is_there(tmp_path: Path) -> None:
    def remedy(place: Path) -> str:
        with pytest.raises(StorageFull) as caught, name_full_disk(place):
            raise OSError(errno.ENOSPC, "full")
        return str(caught.value.parameters["remedy"])

    run = tmp_path / "a" / "b" / "run"
    (run / "montages").mkdir(parents=True)
    places = (run, run / "log.csv", run / "montages" / "step-0000010.png")
    assert all("without --resume: there is no checkpoint yet" in remedy(place) for place in places)
    (run / CHECKPOINT).write_bytes(b"kept")
    assert all("last checkpoint is whole" in remedy(place) for place in places)
    fold = tmp_path / "tuned" / "folds" / "0"
    fold.mkdir(parents=True)
    (tmp_path / "tuned" / "finetune.json").write_text("{}")
    assert "with --resume; only what was being written begins anew" in remedy(fold / "log.csv")


def test_a_run_without_room_is_refused_only_where_that_is_certain(tmp_path: Path) -> None:
    need, notes = space_needed(parameters=7_000), []

    def asked(left: int, resume: bool = False) -> None:
        check_disk_space(need, tmp_path / "not" / "yet", resume=resume, note=notes.append, free=lambda _: left)

    with pytest.raises(StorageFull, match=r"storage-short.* MB free .*--out"):
        asked(need.least - 1)
    asked(need.least - 1, resume=True)
    asked(need.most)
    assert not notes
    asked(need.least)
    assert "may need up to" in notes[0]
    assert free_bytes(tmp_path / "not" / "yet") > 0


def test_what_a_run_writes_lies_within_what_was_foretold(
    tmp_path: Path, small_recipe: Recipe, label_maps: Path
) -> None:
    need = space_needed(small_recipe.parts.parameters(small_recipe.task))
    train(small_recipe, label_maps, tmp_path / "run", Alone(torch.device("cpu")), Told(), resume=False)
    written = [file.stat().st_size for file in (tmp_path / "run").glob("*.pt")]
    assert len(written) == 3
    # An archive of tensors has a header for each, which counts in networks as small as these.
    headers = 60_000 * len(written)
    assert need.least < sum(written) < need.most + headers
