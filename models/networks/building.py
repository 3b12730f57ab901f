"""From a package to a network that answers for a batch of tiles, whatever it is made of."""

from __future__ import annotations

from typing import Protocol, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from models.errors import PackageError
from models.networks.readout import decode_folded
from models.networks.residual_unet import ResidualUNet, ResidualUNetSpec
from models.networks.unet import UNet, UNetSpec
from models.packages import ModelPackage, ResidualUNetNetwork, UNetNetwork
from models.packages.kinds.stepped_unet import SteppedUNetNetwork

NetworkModule = TypeVar("NetworkModule", bound=nn.Module)

GATE = "gate."
"""Tensors of a package's weights whose names start so belong to its input gate."""


class Network(Protocol):
    """What the tiler needs of a network."""

    def __call__(self, tiles: Tensor) -> Tensor:
        """Answer for a batch of tiles.

        Parameters
        ----------
        tiles
            (batch, inputs, z, y, x), float32, normalised, on the network's device.

        Returns
        -------
        (batch, fields, z, y, x), float32, on the same device. Of a synthesis, fields are the value in the output's unit
        and, where there is a second, the scale of its Laplace distribution in that unit, as the network has it; of a
        segmentation, the logits of background and of each label in rising order.
        """
        ...


class ResidualUNetRunner(nn.Module):
    """A residual U-Net with what its heads say read out: value and scale in HU."""

    def __init__(self, network: ResidualUNet, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature
        self.register_buffer("anchors", torch.tensor(network.spec.anchors, dtype=torch.float32), persistent=False)
        self.anchors: Tensor

    def forward(self, tiles: Tensor) -> Tensor:
        """Map (batch, inputs, z, y, x) to (batch, 2, z, y, x): HU and its Laplace scale."""
        answer = decode_folded(self.network.folded(tiles), self.anchors, self.temperature)
        return torch.cat([answer.hu, answer.scale], dim=1)


class UNetRunner(nn.Module):
    """A U-Net with its answer in the output's unit; one on slices sees the slices of a tile one by one.

    Parameters
    ----------
    beside
        How many slices below and above it sees with each; a tile comes with as many more slices than are answered for.
    """

    def __init__(self, network: UNet, offset: float, scale: float, beside: int = 0) -> None:
        super().__init__()
        self.network, self.offset, self.scale, self.beside = network, offset, scale, beside

    def forward(self, tiles: Tensor) -> Tensor:
        """Map (batch, inputs, z + 2 beside, y, x) to (batch, fields, z, y, x): a value, or logits."""
        if self.network.spec.dimensions == 3:
            answer: Tensor = self.network(tiles)
        else:
            seen = tiles.unfold(2, 1 + 2 * self.beside, 1)  # (batch, inputs, z, y, x, slices seen)
            batch, _, depth = seen.shape[:3]
            slices = self.network(seen.permute(0, 2, 1, 5, 3, 4).flatten(2, 3).flatten(0, 1))
            answer = slices.unflatten(0, (batch, depth)).transpose(1, 2)
        return answer.float() * self.scale + self.offset


class _InPrecision:
    """A network under autocast: convolutions in bfloat16 where asked for, what is read out of them in float32."""

    def __init__(self, network: nn.Module, device: torch.device, precision: str) -> None:
        self._network, self._device, self._precision = network, device, precision

    def __call__(self, tiles: Tensor) -> Tensor:
        with (
            torch.inference_mode(),
            torch.autocast(self._device.type, torch.bfloat16, enabled=self._precision == "bfloat16"),
        ):
            answer: Tensor = self._network(tiles)
        return answer


def network_for(package: ModelPackage, device: str, precision: str) -> Network:
    """Return the package's network on `device` (``cpu``, ``cuda:0``), computing in `precision`.

    Raises
    ------
    PackageError
        ``weights-unfit`` when the weights are those of another architecture than the card states;
        ``precision-refused`` when the card does not allow `precision`.
    PackageTampered
        If the file changed since the package was verified.
    """
    network = package.card.network
    if precision not in network.precisions:
        raise PackageError(
            "precision-refused", package=package.card.name, found=precision, accepted=", ".join(network.precisions)
        )
    return network.build(package, device, precision)


def running(network: nn.Module, device: str, precision: str) -> Network:
    """Return `network`, which answers as `Network` says, on `device` and computing in `precision`."""
    return _InPrecision(network.eval().to(device), torch.device(device), precision)


def residual_unet(package: ModelPackage, network: ResidualUNetNetwork) -> ResidualUNetRunner:
    """Return the package's residual U-Net with its weights, on the CPU, in float32, for use.

    Raises
    ------
    PackageError, PackageTampered
        As `network_for`.
    """
    spec = ResidualUNetSpec(network.widths, network.anchors_hu, network.heads, len(package.card.inputs))
    return ResidualUNetRunner(_with_weights(ResidualUNet(spec), package), network.temperature).eval()


def unet(package: ModelPackage, network: UNetNetwork) -> UNetRunner:
    """Return the package's U-Net with its weights, on the CPU, in float32, for use.

    Raises
    ------
    PackageError, PackageTampered
        As `network_for`.
    """
    labels = package.card.output.labels
    channels_in = len(package.card.inputs) * (1 + 2 * network.neighbours)
    spec = UNetSpec(network.widths, network.dimensions, channels_in, len(labels) + 1 if labels else 1)
    return UNetRunner(_with_weights(UNet(spec), package), network.offset, network.scale, network.neighbours).eval()


def stepped_unet(package: ModelPackage, network: SteppedUNetNetwork) -> UNetRunner:
    """Return the package's U-Net that sees the state and the time behind the inputs, as `unet` does.

    Raises
    ------
    PackageError, PackageTampered
        As `network_for`.
    """
    spec = UNetSpec(network.widths, network.dimensions, len(package.card.inputs) + network.sampler().channels, 1)
    return UNetRunner(_with_weights(UNet(spec), package), offset=0.0, scale=1.0).eval()


def _with_weights(built: NetworkModule, package: ModelPackage) -> NetworkModule:
    """Return `built` with the package's weights."""
    try:
        tensors = load(package.content(package.weights.name))
        built.load_state_dict({name: v.float() for name, v in tensors.items() if not name.startswith(GATE)})
    except (RuntimeError, SafetensorError) as why:
        found = " ".join(str(why).split())[:300]
        kind = package.card.network.kind
        raise PackageError(
            "weights-unfit", folder=str(package.folder), found=found, accepted=f"weights of the card's {kind}"
        ) from why
    return built
