"""The most memory that a piece of work had at once."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import torch

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_mib(work: Callable[[], object], device: torch.device) -> float:
    """Return the peak in MiB while `work` ran: on a GPU what torch took there, on a CPU all that the process held."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        work()
        return torch.cuda.max_memory_allocated(device) / 2**20
    try:
        _CLEAR.write_text("5")  # Linux: the peak begins anew (proc(5))
    except OSError:
        work()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10  # the highest since the process began
    work()
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 2**10
