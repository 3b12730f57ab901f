"""What a device is, for a result to say where it was computed, and how it computes fastest."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from models.errors import DeviceError, InputError

PRECISIONS = ("bfloat16", "float32")

_CUDA_BATCH = 8


def device_named(name: str) -> torch.device:
    """Return the device that a person calls `name`, proved to be there.

    Parameters
    ----------
    name
        ``cpu``, ``cuda`` for the first accelerator, or ``cuda:0`` and so on.

    Raises
    ------
    DeviceError
        ``device-unknown`` where this is no name of a device; ``device-absent`` where this machine has none of it.
    """
    kind, colon, number = name.partition(":")
    numbered = number.isdecimal() and number.isascii() if colon else True
    if kind not in ("cpu", "cuda") or not numbered or (kind == "cpu" and colon):
        raise DeviceError("device-unknown", found=name, accepted=_accepted())
    if kind == "cuda" and int(number or "0") >= _accelerators():
        raise DeviceError(
            "device-absent",
            found=name,
            accepted=_accepted(),
            remedy="take one of these; if there should be an accelerator, look at its driver and at torch's build",
        )
    return torch.device(name)


def _accepted() -> str:
    return ", ".join(["cpu", *(f"cuda:{number}" for number in range(_accelerators()))])


def _accelerators() -> int:
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def device_class(device: torch.device) -> str:
    """Return a short name of the kind of processor: ``cpu amx_bf16``, ``cpu avx512_bf16``, ``cuda NVIDIA H200``."""
    if device.type == "cuda":
        return f"cuda {torch.cuda.get_device_name(device)}"
    if torch.cpu._is_amx_tile_supported():
        return "cpu amx_bf16"
    if torch.cpu._is_avx512_bf16_supported():
        return "cpu avx512_bf16"
    return f"cpu {torch.backends.cpu.get_cpu_capability().lower()}"


def fastest_precision(device: torch.device, allowed: Sequence[str] = PRECISIONS) -> str:
    """Return ``bfloat16`` where the card allows it and the processor computes with it, else ``float32``."""
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bfloat16" if native and "bfloat16" in allowed else "float32"


def chosen_precision(device: torch.device, allowed: Sequence[str], asked: str | None) -> str:
    """Return `asked`, or where nothing is asked the fastest.

    Raises
    ------
    InputError
        ``precision-unknown``.
    """
    if asked is not None and asked not in PRECISIONS:
        raise InputError("precision-unknown", found=asked, accepted=", ".join(PRECISIONS))
    return asked or fastest_precision(device, allowed)


def fitting_batch(device: torch.device) -> int:
    """Return how many tiles to compute at once: several on a GPU; on a CPU one already fills all cores and caches."""
    return _CUDA_BATCH if device.type == "cuda" else 1
