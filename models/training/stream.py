"""Samples made ahead by one other process, so that the network never waits for the generator."""

from __future__ import annotations

import multiprocessing
import os
import queue
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch

from models.errors import ModelsError
from models.generator import Batch

Numbered = Callable[[Sequence[int]], Batch]
"""Makes the samples of these numbers; the same numbers give the same samples."""

_AHEAD = 4
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

_Arrays = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.bool_]]
_Message = _Arrays | ModelsError
"""Arrays and not tensors: those would go through shared memory that dies with the process that made them."""


@contextmanager
def made_ahead(maker: Callable[[], Numbered], numbers: Iterator[Sequence[int]]) -> Iterator[Iterator[Batch]]:
    """Give the samples of `numbers` in order, made in a process of its own with one thread.

    Parameters
    ----------
    maker
        Called once in that process; it must be picklable.
    numbers
        Of each batch.

    Raises
    ------
    ModelsError
        From the iterator: what the maker refused.
    RuntimeError
        From the iterator, if the process has died.
    """
    context = multiprocessing.get_context("spawn")
    ready: multiprocessing.Queue[_Message] = context.Queue(_AHEAD)
    wanted: multiprocessing.Queue[list[int]] = context.Queue()
    worker = context.Process(target=_produce, args=(maker, wanted, ready), daemon=True)
    with _one_thread():
        worker.start()
    try:
        yield _received(wanted, ready, worker, numbers)
    finally:
        worker.terminate()
        worker.join()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Have numeric libraries, which read these variables once when they load, use one thread in a new process."""
    kept = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _received(
    wanted: multiprocessing.Queue[list[int]],
    ready: multiprocessing.Queue[_Message],
    worker: multiprocessing.process.BaseProcess,
    numbers: Iterator[Sequence[int]],
) -> Iterator[Batch]:
    for _ in range(_AHEAD):
        wanted.put(list(next(numbers)))
    while True:
        try:
            message = ready.get(timeout=5.0)
        except queue.Empty:
            if not worker.is_alive():
                raise RuntimeError(f"the generator's process ended with status {worker.exitcode}") from None
            continue
        if isinstance(message, ModelsError):
            raise message
        wanted.put(list(next(numbers)))
        mr, ct, body = message
        yield Batch(torch.from_numpy(mr), torch.from_numpy(ct), torch.from_numpy(body))


def _produce(
    maker: Callable[[], Numbered], wanted: multiprocessing.Queue[list[int]], ready: multiprocessing.Queue[_Message]
) -> None:
    torch.set_num_threads(1)
    parent = multiprocessing.parent_process()
    try:
        make = maker()
        while True:
            try:
                numbers = wanted.get(timeout=5.0)
            except queue.Empty:
                # A trainer that was killed outright cannot stop this process; do not outlive it.
                if parent is None or not parent.is_alive():
                    ready.cancel_join_thread()  # what is still queued can be read by nobody
                    return
                continue
            batch = make(numbers)
            ready.put((batch.mr.numpy(), batch.ct.numpy(), batch.body.numpy()))
    except ModelsError as why:
        ready.put(why)
