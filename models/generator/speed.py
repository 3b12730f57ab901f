"""How fast a generator makes pairs on this machine."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from models.batches import Batch
from models.generator.pairs import CT, PairGenerator


@dataclass(frozen=True, slots=True)
class Speed:
    """One measurement.

    Attributes
    ----------
    samples
        Pairs made.
    seconds
        Time by the clock, warm-up left out.
    processor_seconds
        Time that this process had on processors; below `seconds` times `threads` where others had them too.
    threads
        Processor threads that torch may use.
    device
        Where the pairs were made.
    """

    samples: int
    seconds: float
    processor_seconds: float
    threads: int
    device: str

    @property
    def samples_per_second(self) -> float:
        """Pairs a second by the clock."""
        return self.samples / self.seconds

    @property
    def processor_seconds_per_sample(self) -> float:
        """What one pair costs, whatever else runs on the machine."""
        return self.processor_seconds / self.samples


def measure(generator: PairGenerator, batch: int, seconds: float, device: torch.device) -> Speed:
    """Make pairs for about `seconds` in batches of `batch`."""
    made = generator.batch(range(batch))
    _wait(made)
    began, began_processor, samples = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - began < seconds or not samples:
        made = generator.batch(range(samples, samples + batch))
        _wait(made)
        samples += batch
    spent, busy = time.perf_counter() - began, time.process_time() - began_processor
    return Speed(samples, spent, busy, torch.get_num_threads(), _name(device))


def _wait(made: Batch) -> None:
    # An accelerator answers before it has done the work; the sum has to wait for it.
    float(made.images[CT].sum())


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
