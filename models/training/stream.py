"""Pairs made ahead by one other process, so that the network never waits for the generator."""

from __future__ import annotations

import multiprocessing
import os
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from models.training.generator import Pair, PairGenerator
from models.training.maps import prepared
from models.training.recipe import Recipe

_AHEAD = 4
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@contextmanager
def pair_stream(files: list[Path], cache: Path, recipe: Recipe, first: int) -> Iterator[Iterator[Pair]]:
    """Give the pairs `first`, `first` + 1, ... in order, made in a process of its own with one thread.

    Raises
    ------
    RuntimeError
        From the iterator, if the process has died.
    """
    context = multiprocessing.get_context("spawn")
    ready: multiprocessing.Queue[Pair] = context.Queue(_AHEAD)
    kept = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))  # numeric libraries read these once, when they load
    worker = context.Process(target=_produce, args=(files, cache, recipe, first, ready), daemon=True)
    try:
        worker.start()
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    try:
        yield _received(ready, worker)
    finally:
        worker.terminate()
        worker.join()


def _received(ready: multiprocessing.Queue[Pair], worker: multiprocessing.process.BaseProcess) -> Iterator[Pair]:
    while True:
        try:
            yield ready.get(timeout=5.0)
        except queue.Empty:
            if not worker.is_alive():
                raise RuntimeError(f"the generator's process ended with status {worker.exitcode}") from None


def _produce(files: list[Path], cache: Path, recipe: Recipe, first: int, ready: multiprocessing.Queue[Pair]) -> None:
    generator = PairGenerator(prepared(files, cache), recipe)
    parent = multiprocessing.parent_process()
    number = first
    while True:
        pair = generator.pair(number)
        pair = Pair(pair.mr.astype(np.float16), pair.ct.astype(np.float16), pair.body)
        while True:
            try:
                ready.put(pair, timeout=5.0)
                break
            except queue.Full:
                # A trainer that was killed outright cannot stop this process; do not outlive it.
                if parent is None or not parent.is_alive():
                    ready.cancel_join_thread()  # what is still queued can be read by nobody
                    return
        number += 1
