"""The bones of the trainers: exact resume after a kill, the best weights, early stop, logs, two networks in turn."""

from __future__ import annotations

import csv
import os
import random
import struct
from pathlib import Path

import pytest
import torch
from tensorboardX.proto.event_pb2 import Event
from training_toys import Adversaries, Told, kept, steps, trained

from models.errors import RecipeError
from models.training.checkpoint import CHECKPOINT, PREVIOUS, read_tensors
from models.training.run_recorder import BEST
from models.training.schedule import Span


def killed(folder: Path, at: int, resume: bool) -> None:
    """Run the toy in a process of its own that is killed outright after step `at`."""
    child = os.fork()
    if child == 0:
        try:
            trained(folder, steps(20), Told(killed_at=at), resume=resume)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)


def assert_same(first: Path, second: Path) -> None:
    ours, theirs = kept(first), kept(second)
    assert ours.keys() == theirs.keys()
    assert len(ours) > 10
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_run_ends_as_one_that_was_not(tmp_path: Path, seed: int) -> None:
    at = random.Random(seed).randint(4, 10)
    again = random.Random(seed).randint(at + 1, 19)
    whole = trained(tmp_path / "whole", steps(20))
    killed(tmp_path / "killed", at, resume=False)
    killed(tmp_path / "killed", again, resume=True)
    resumed = trained(tmp_path / "killed", steps(20), resume=True)
    assert_same(tmp_path / "whole", tmp_path / "killed")
    assert resumed.progress.best_score == whole.progress.best_score
    best, other = (read_tensors(tmp_path / run / BEST) for run in ("whole", "killed"))
    assert best["step"] == other["step"]
    for name, value in best["averages"]["generator"].items():
        assert torch.equal(value, other["averages"]["generator"][name])
    for table in ("log.csv", "validation.csv"):
        rows = list(csv.DictReader((tmp_path / "killed" / table).open()))
        assert [int(row["step"]) for row in rows] == sorted({int(row["step"]) for row in rows})
        assert int(rows[-1]["step"]) == 20


@pytest.mark.parametrize("left", [0, 100, 0.5, -1])
def test_a_checkpoint_that_was_cut_short_leaves_the_one_before(tmp_path: Path, left: float) -> None:
    trained(tmp_path / "whole", steps(20))
    killed(tmp_path / "cut", 11, resume=False)
    newest = tmp_path / "cut" / CHECKPOINT
    content = newest.read_bytes()
    newest.write_bytes(content[: int(left * len(content))] if isinstance(left, float) else content[:left])
    resumed = trained(tmp_path / "cut", steps(20), resume=True)
    assert resumed.progress.step == 20
    assert_same(tmp_path / "whole", tmp_path / "cut")


def test_a_damaged_checkpoint_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    killed(tmp_path, 11, resume=False)
    newest = tmp_path / CHECKPOINT
    content = bytearray(newest.read_bytes())
    at = content.find(kept(tmp_path)["/networks/generator/weight"].numpy().tobytes())
    content[at] ^= 1
    newest.write_bytes(content)
    resumed = trained(tmp_path, steps(6), resume=True)
    assert resumed.progress.step == 6  # the previous one's, not 9


def test_a_kill_between_two_renames_leaves_the_one_before(tmp_path: Path) -> None:
    killed(tmp_path, 11, resume=False)
    (tmp_path / CHECKPOINT).replace(tmp_path / PREVIOUS)
    assert trained(tmp_path, steps(20), resume=True).progress.step == 20


def test_without_any_whole_checkpoint_nothing_goes_on(tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes(b"PK")
    with pytest.raises(RecipeError, match="checkpoint-unreadable"):
        trained(tmp_path, steps(20), resume=True)


def test_a_checkpoint_of_another_network_is_refused_by_the_tensors_name(tmp_path: Path) -> None:
    trained(tmp_path, steps(3))
    other = Adversaries()
    other.networks = {**other.networks, "generator": torch.nn.Linear(3, 1)}
    with pytest.raises(RecipeError, match=r"checkpoint-of-another-network.*weight"):
        trained(tmp_path, steps(6), resume=True, objective=other)


def test_both_networks_learn_and_only_the_averaged_is_kept_as_best(tmp_path: Path) -> None:
    untrained = Adversaries()
    objective = Adversaries()
    trained(tmp_path, steps(200, checkpoint=Span(steps=100), validation=Span(steps=100)), objective=objective)
    for name, network in objective.networks.items():
        assert not torch.equal(next(network.parameters()), next(untrained.networks[name].parameters()))
    assert objective.validate()["score"] < 0.25 * untrained.validate()["score"]
    assert list(read_tensors(tmp_path / BEST)["averages"]) == ["generator"]


def test_samples_are_numbered_on_without_gap_or_repetition(tmp_path: Path) -> None:
    first, second = Adversaries(), Adversaries()
    trained(tmp_path, steps(3), objective=first)
    trained(tmp_path, steps(7), objective=second, resume=True)
    assert first.seen + second.seen == list(range(14))


def test_a_run_stops_when_validation_no_longer_gets_better(tmp_path: Path) -> None:
    objective = Adversaries()
    objective.scores = [9.0, 5.0, 7.0, 6.0, 5.0, 1.0]
    listener = Told()
    plan = steps(100, validation=Span(steps=2), patience=3)
    progress = trained(tmp_path, plan, listener, objective=objective).progress
    assert (progress.step, progress.best_step, progress.best_score) == (10, 4, 5.0)
    assert read_tensors(tmp_path / BEST)["step"] == 4
    assert [score for _, score in listener.validations] == [9.0, 5.0, 7.0, 6.0, 5.0]


def test_the_rate_rises_and_falls_or_stays(tmp_path: Path) -> None:
    listener, level = Told(), Told()
    trained(tmp_path / "cosine", steps(20, checkpoint=Span(steps=1)), listener)
    trained(tmp_path / "level", steps(20, checkpoint=Span(steps=1), shape="level"), level)
    cosine = [row.learning_rate for row in listener.rows]
    assert cosine[:3] == sorted(cosine[:3])
    assert cosine[4:] == sorted(cosine[4:], reverse=True)
    assert cosine[-1] < 0.01
    assert [row.learning_rate for row in level.rows[3:]] == [1.0] * 17


def test_a_run_in_minutes_ends_by_the_clock(tmp_path: Path) -> None:
    progress = trained(tmp_path, steps(1, length=Span(minutes=0.005), validation=None, montage=None)).progress
    assert progress.step > 1
    assert 0.3 <= progress.seconds < 3.0


def test_a_loss_that_is_no_number_ends_the_run_before_it_is_kept(tmp_path: Path) -> None:
    trained(tmp_path, steps(3))
    before = (tmp_path / CHECKPOINT).read_bytes()
    objective = Adversaries()
    objective.losses = lambda batch, numbers: (  # type: ignore[method-assign]
        type(descent)(descent.optimiser, descent.loss * float("nan"), descent.figures)
        for descent in Adversaries.losses(objective, batch, numbers)
    )
    with pytest.raises(RecipeError, match="training-diverged"):
        trained(tmp_path, steps(20), resume=True, objective=objective)
    assert (tmp_path / CHECKPOINT).read_bytes() == before


def test_logs_say_the_same_to_people_and_to_tensorboard(tmp_path: Path) -> None:
    trained(tmp_path, steps(20))
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    events = [event for file in (tmp_path / "tensorboard").iterdir() for event in events_of(file)]
    scalars = {(value.tag, event.step): value.simple_value for event in events for value in event.summary.value}
    for row in rows:
        assert scalars["train/distance", int(row["step"])] == pytest.approx(float(row["distance"]), rel=1e-5)
    assert ("validation/score", 20) in scalars
    assert ("montage", 10) in scalars
    assert sorted(file.name for file in (tmp_path / "montages").iterdir()) == ["step-0000010.png", "step-0000020.png"]


def events_of(file: Path) -> list[Event]:
    """Read TensorBoard's records: length, its checksum, the event, its checksum."""
    content, events = file.read_bytes(), []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        events.append(Event.FromString(content[12 : 12 + length]))
        content = content[16 + length :]
    return events
