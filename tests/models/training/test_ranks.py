"""Several processes train one network: other samples each, the same weights all."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from training_toys import Adversaries, Told, kept, steps, trained

from models.training.ranks import Alone, Launched, ranks_of
from models.training.schedule import Span

COUNT = 2


def launched(folder: Path, length: Span, noise: float = 0.01) -> None:
    """Train the toy in two processes; each leaves its weights and the numbers that it saw."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = []
    for rank in range(COUNT):
        child = os.fork()
        if child == 0:
            try:
                os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(COUNT)}
                os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
                objective = Adversaries(noise)
                if rank == 1:  # what begins differently must not stay so
                    for parameter in objective.networks["generator"].parameters():
                        nn.init.zeros_(parameter)
                with ranks_of("cpu") as ranks:
                    assert isinstance(ranks, Launched)
                    trained(folder, steps(6, length=length), ranks=ranks, objective=objective)
                weights = {name: network.state_dict() for name, network in objective.networks.items()}
                torch.save({"weights": weights, "seen": objective.seen}, folder.parent / f"rank{rank}.pt")
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]


def test_ranks_see_other_samples_and_end_with_the_same_weights(tmp_path: Path) -> None:
    launched(tmp_path / "run", Span(steps=6))
    first, second = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in range(COUNT))
    assert len(first["seen"]) == len(second["seen"]) == 12
    assert sorted(first["seen"] + second["seen"]) == list(range(24))
    for name, weights in first["weights"].items():
        for key, value in weights.items():
            assert torch.equal(value, second["weights"][name][key])
    untrained = Adversaries().networks["generator"].state_dict()
    assert not torch.equal(first["weights"]["generator"]["weight"], untrained["weight"])


def test_two_ranks_step_as_one_process_with_twice_the_batch(tmp_path: Path) -> None:
    launched(tmp_path / "two", Span(steps=6), noise=0.0)
    plan = steps(6)
    trained(tmp_path / "one", replace(plan, batch=2 * plan.batch), objective=Adversaries(noise=0.0))
    for name, value in kept(tmp_path / "one").items():
        torch.testing.assert_close(value, kept(tmp_path / "two")[name], atol=1e-4, rtol=1e-3, msg=name)


def test_ranks_stop_together_by_the_first_ones_clock(tmp_path: Path) -> None:
    launched(tmp_path / "run", Span(minutes=0.003))
    first, second = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in range(COUNT))
    assert len(first["seen"]) == len(second["seen"]) > 4


def test_only_the_first_writes(tmp_path: Path) -> None:
    class Second(Alone):
        def __init__(self) -> None:
            super().__init__(torch.device("cpu"))
            self.rank = 1

    listener = Told()
    trained(tmp_path / "run", steps(6), listener, ranks=Second())
    assert not (tmp_path / "run").exists()
    assert listener.rows == []
    trained(tmp_path / "run", steps(6), listener)
    assert kept(tmp_path / "run")


def test_one_process_needs_no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with ranks_of("cpu") as ranks:
        assert (ranks.rank, ranks.count, ranks.device.type) == (0, 1, "cpu")
