"""ONNX graphs behind the same interface as our own networks, run by ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnxruntime
import torch
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf, NotImplemented
from torch import Tensor

from models.errors import PackageError
from models.packages import Card, ModelPackage

_BROKEN = (Fail, InvalidGraph, InvalidProtobuf, NotImplemented)


class OnnxRunner:
    """Runs a package's ``model.onnx`` in float32.

    On a CUDA device where ONNX Runtime has its CUDA provider the graph runs there; else on the CPU, and tiles and
    answers are copied.

    Raises
    ------
    PackageError
        ``onnx-unfit`` when the graph does not take the card's inputs and give its channels.
    """

    def __init__(self, package: ModelPackage, device: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                package.content(package.weights.name), options, providers=_providers(device)
            )
        except _BROKEN as why:
            found = " ".join(str(why).split())[:300]
            raise PackageError("onnx-unfit", folder=str(package.folder), found=found) from why
        self._input = _checked(self._session, package)
        self._batch = self._session.get_inputs()[0].shape[0]

    def __call__(self, tiles: Tensor) -> Tensor:
        """Map (batch, inputs, z, y, x) to (batch, channels, z, y, x), float32."""
        array = tiles.detach().to("cpu", torch.float32).numpy()
        step = self._batch if isinstance(self._batch, int) else len(array)
        parts = [self._run(array[start : start + step], step) for start in range(0, len(array), step)]
        return torch.from_numpy(np.concatenate(parts)).to(tiles.device)

    def _run(
        self, array: np.ndarray[tuple[int, ...], np.dtype[np.float32]], step: int
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        short = step - len(array)  # a graph of a fixed batch gets the last tile more than once
        padded = np.concatenate([array, np.repeat(array[-1:], short, axis=0)]) if short else array
        (answer,) = self._session.run(None, {self._input: np.ascontiguousarray(padded)})
        kept: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = np.asarray(answer, np.float32)[: len(array)]
        return kept


def fields_of(card: Card) -> tuple[int, ...]:
    """Return which numbers of output channels the card allows."""
    return (len(card.output.labels) + 1,) if card.task.kind == "segmentation" else (1, 2)


def _providers(device: str) -> list[str]:
    available = onnxruntime.get_available_providers()
    wanted = ["CUDAExecutionProvider"] if device.startswith("cuda") else []
    return [*(name for name in wanted if name in available), "CPUExecutionProvider"]


def _checked(session: onnxruntime.InferenceSession, package: ModelPackage) -> str:
    card, inputs, outputs = package.card, session.get_inputs(), session.get_outputs()
    tile = (len(card.inputs), *card.network.tile_shape)
    taken = len(inputs) == 1 and inputs[0].type == "tensor(float)" and _fits(inputs[0].shape[1:], tile)
    if not taken:
        found = "; ".join(f"{one.name} {one.type} {one.shape}" for one in inputs)
        raise PackageError(
            "onnx-unfit", folder=str(package.folder), input=found, accepted=f"one of float, (batch, {tile})"
        )
    allowed = fields_of(card)
    given = outputs[0].shape if len(outputs) == 1 else []
    channels = given[1] if len(given) == 5 else None
    if channels is None or (isinstance(channels, int) and channels not in allowed):
        found = "; ".join(f"{one.name} {one.shape}" for one in outputs)
        accepted = f"one, (batch, {' or '.join(map(str, allowed))}, z, y, x)"
        raise PackageError("onnx-unfit", folder=str(package.folder), output=found, accepted=accepted)
    name: str = inputs[0].name
    return name


def _fits(shape: list[int | str | None], tile: tuple[int, ...]) -> bool:
    return len(shape) == len(tile) and all(not isinstance(s, int) or s == t for s, t in zip(shape, tile, strict=True))
