"""One process or several that train one network together, started by torch's own launcher (`torchrun`).

Each process makes its own samples and its own gradients; their mean is what each of them steps by. It is taken here and
not by `DistributedDataParallel`, because one step may descend on several networks in turn, and may leave a head out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, distributed, nn

from models.errors import RecipeError
from models.inference.device import device_named


class Ranks(Protocol):
    """The processes of one run, as one of them sees them.

    Attributes
    ----------
    rank
        Which one this is; the first is 0 and alone writes files.
    count
        How many there are.
    device
        Where this one computes.
    """

    rank: int
    count: int
    device: torch.device

    def spread(self, tensors: Iterable[Tensor]) -> None:
        """Give every process the first one's values, in place."""

    def mean_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Give every process the mean of all processes' gradients, in place."""

    def of_first(self, value: float) -> float:
        """Return the first process's value."""


class Alone:
    """A run in this process only."""

    def __init__(self, device: torch.device) -> None:
        self.rank, self.count, self.device = 0, 1, device

    def spread(self, tensors: Iterable[Tensor]) -> None:
        """Do nothing: there is nobody else."""

    def mean_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Do nothing: one gradient is its own mean."""

    def of_first(self, value: float) -> float:
        """Return `value`."""
        return value


class Launched:
    """One of the processes that a launcher started."""

    def __init__(self, device: torch.device) -> None:
        self.rank, self.count, self.device = distributed.get_rank(), distributed.get_world_size(), device

    def spread(self, tensors: Iterable[Tensor]) -> None:
        """Send the first process's values to all."""
        for tensor in tensors:
            distributed.broadcast(tensor, src=0)

    def mean_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Average in one message; what no process has a gradient for is left without one."""
        has = torch.tensor([p.grad is not None for p in parameters], dtype=torch.float32, device=self.device)
        distributed.all_reduce(has, op=distributed.ReduceOp.MAX)
        taught = [p for p, any_has in zip(parameters, has.tolist(), strict=True) if any_has]
        if not taught:
            return
        for parameter in taught:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in taught if parameter.grad is not None]
        flat = torch.cat([gradient.ravel() for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.count
        at = 0
        for gradient in gradients:
            gradient.copy_(flat[at : at + gradient.numel()].view_as(gradient))
            at += gradient.numel()

    def of_first(self, value: float) -> float:
        """Return the first process's value."""
        message = torch.tensor([value], dtype=torch.float64, device=self.device)
        distributed.broadcast(message, src=0)
        return float(message)


def device_of(name: str | None) -> torch.device:
    """Return the device of that name; the accelerator where there is one, else the processor, when None.

    Raises
    ------
    DeviceError
        ``device-unknown``, ``device-absent``.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return device_named(name)


def launched_count() -> int:
    """Return how many processes the launcher started; 1 without a launcher."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def check_single_process(what: str) -> None:
    """Refuse to do `what` in one of several processes: each would do the whole of it, into the same files.

    Raises
    ------
    RecipeError
        ``one-process-only``.
    """
    if (count := launched_count()) > 1:
        raise RecipeError(
            "one-process-only",
            command=what,
            found=f"{count} processes (WORLD_SIZE={count})",
            accepted="one process",
            remedy=f"start it without a launcher: synthnode models {what}",
        )


@contextmanager
def ranks_of(device: str | None) -> Iterator[Ranks]:
    """Join the run that a launcher started this process for, or run alone.

    Parameters
    ----------
    device
        ``cpu`` or ``cuda``; the accelerator where there is one when None. Of several processes each takes the
        accelerator of its own number.

    Raises
    ------
    DeviceError
        ``device-unknown``; ``device-absent``, also where there are more processes than accelerators.
    """
    place = device_of(device)
    if launched_count() == 1:
        yield Alone(place)
        return
    if place.type == "cuda":
        place = device_named(f"cuda:{os.environ['LOCAL_RANK']}")
    if place.type == "cuda":
        torch.cuda.set_device(place)
    distributed.init_process_group("nccl" if place.type == "cuda" else "gloo")
    try:
        yield Launched(place)
    finally:
        distributed.destroy_process_group()
