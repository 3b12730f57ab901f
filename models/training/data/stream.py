"""Samples made ahead by one other process, so that the network never waits for the generator."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.synchronize import Event

import numpy as np
import numpy.typing as npt
import torch

from models.batches import Batch
from models.errors import ModelsError
from models.training.data.source import Numbered
from models.training.stopping import SIGNALS, block_signals

_AHEAD = 4
_LAST_WORD_SECONDS = 10.0
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

_Arrays = tuple[dict[str, npt.NDArray[np.generic]], ...]
"""Of images, masks and weights, by name."""
_Message = _Arrays | ModelsError
"""Arrays and not tensors: those would go through shared memory that dies with the process that made them."""


@contextmanager
def prefetch(maker: Callable[[], Numbered], numbers: Iterator[Sequence[int]]) -> Iterator[Iterator[Batch]]:
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
    wanted: multiprocessing.Queue[list[int] | None] = context.Queue()
    over = context.Event()
    worker = context.Process(target=_produce, args=(maker, wanted, ready, over), daemon=True)
    with _one_thread(), block_signals():
        worker.start()
    try:
        yield _received(wanted, ready, worker, numbers)
    finally:
        # It hears no signal but the one that cannot be held back: that is for one that is stuck.
        over.set()
        wanted.put(None)
        worker.join(_LAST_WORD_SECONDS)
        worker.kill()
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
    wanted: multiprocessing.Queue[list[int] | None],
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
        yield Batch(*({name: torch.from_numpy(array) for name, array in part.items()} for part in message))


def _produce(
    maker: Callable[[], Numbered],
    wanted: multiprocessing.Queue[list[int] | None],
    ready: multiprocessing.Queue[_Message],
    over: Event,
) -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    torch.set_num_threads(1)
    parent = multiprocessing.parent_process()
    try:
        make = maker()
        while True:
            try:
                numbers = wanted.get(timeout=5.0)
            except queue.Empty:
                # A trainer that was killed outright cannot stop this process; do not outlive it.
                if parent is not None and parent.is_alive():
                    continue
                numbers = None
            if numbers is None or over.is_set():
                ready.cancel_join_thread()  # what is still queued will be read by nobody
                return
            batch = make(numbers)
            parts = (batch.images, batch.masks, batch.weights)
            ready.put(tuple({name: value.numpy() for name, value in part.items()} for part in parts))
    except ModelsError as why:
        ready.put(why)
