"""The predictor: one package, kept warm, that turns MR volumes into synthetic CT."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.errors import InputError
from models.inference.resampling import resample
from models.inference.tiling import importance, tiles, tissue_box
from models.intensity import normalise, reference_intensity
from models.networks.building import network_for
from models.packages import ModelPackage
from models.volumes import Array, Grid, Volume

_AIR_LEVEL = 0.12
"""Normalised intensity under which nothing is tissue; the noise of air stays below it."""

_AIR_SHARE = 0.0005
"""A tile with fewer voxels than this above `_AIR_LEVEL` is not computed."""


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What the model makes of a volume.

    Attributes
    ----------
    synthetic
        float32 HU on the target grid, within the card's range; the card's air outside the source's field.
    resampled
        float32, the source on the target grid in its own units; 0 outside its field.
    uncertainty
        float32 HU: the scale of a Laplace distribution around `synthetic`. Calibrated only as far as the card says.
    tiles
        Number of tiles that were computed; tiles of nothing but air are not.
    precision
        Number format of the convolutions: ``bfloat16`` or ``float32``.
    device
        Where it ran.
    """

    synthetic: Volume
    resampled: Volume
    uncertainty: Volume | None
    tiles: int
    precision: str
    device: str


class Predictor:
    """Runs the network of `package` on `device` (``cpu``, ``cuda:0``)."""

    def __init__(self, package: ModelPackage, device: str = "cpu", precision: str | None = None) -> None:
        self._card = package.card
        self._device = torch.device(device)
        self._precision = precision or fastest_precision(self._device)
        if self._precision not in ("bfloat16", "float32"):
            raise InputError("precision-unknown", found=self._precision, accepted="bfloat16, float32")
        self._network = network_for(package, device, self._precision)

    def predict(self, source: Volume, target: Grid, progress: Callable[[float], None]) -> Prediction:
        """Compute synthetic CT for `source` on `target`.

        Parameters
        ----------
        source
            MR intensities in any unit and orientation.
        target
            Axial: identity direction, with the card's voxel spacing.
        progress
            Called with the share of tiles done, 0 to 1, and at last with 1.

        Raises
        ------
        InputError
            If the source has values that are not finite, is constant or has fewer than two voxels along an axis, or the
            target is not as said above.
        """
        self._check_target(target)
        reference_intensity(source.values)  # refuses what cannot be resampled meaningfully
        resampled, field = resample(source, target, str(self._device))
        if not field.any():
            raise InputError("target-misses-source", origin=str(target.origin), size=str(target.size))
        reference = reference_intensity(resampled.values[field])
        image = torch.from_numpy(normalise(resampled.values, reference)).to(self._device)
        hu, spread, computed = self._tiled(image, progress)
        output = self._card.output
        hu = np.where(field, np.clip(hu, output.lowest, output.highest), np.float32(output.outside))
        return Prediction(
            synthetic=Volume(hu.astype(np.float32), target),
            resampled=resampled,
            uncertainty=Volume(np.where(field, spread, np.float32(0)), target),
            tiles=computed,
            precision=self._precision,
            device=str(self._device),
        )

    def _check_target(self, target: Grid) -> None:
        if not np.allclose(target.direction, np.eye(3), atol=1e-6):
            raise InputError("target-not-axial", found=str(target.direction), accepted="identity (LPS)")
        if not np.allclose(target.spacing, self._card.output.voxel_mm, atol=1e-4):
            raise InputError(
                "target-spacing", found=str(target.spacing), accepted=str(tuple(self._card.output.voxel_mm))
            )

    @torch.inference_mode()
    def _tiled(self, image: Tensor, progress: Callable[[float], None]) -> tuple[Array, Array, int]:
        tile = self._card.network.tile_voxels[0]
        k, j, i = image.shape
        short = [max(0, tile - length) for length in (i, j, k)]
        image = functional.pad(image, (0, short[0], 0, short[1], 0, short[2]))
        hu = torch.full(image.shape, float(self._card.output.outside), device=self._device)
        spread = torch.zeros(image.shape, device=self._device)
        box, computed = tissue_box(image, _AIR_LEVEL, tile), 0
        if box is not None:
            hu[box], spread[box], computed = self._merged(image[box], progress)
        progress(1.0)
        inside = (slice(0, k), slice(0, j), slice(0, i))
        return hu[inside].cpu().numpy(), spread[inside].cpu().numpy(), computed

    def _merged(self, image: Tensor, progress: Callable[[float], None]) -> tuple[Tensor, Tensor, int]:
        tile = self._card.network.tile_voxels[0]
        hu, spread, total = (torch.zeros(image.shape, device=self._device) for _ in range(3))
        weight = importance(tile).to(self._device)
        places = tiles((image.shape[0], image.shape[1], image.shape[2]), tile)
        computed = 0
        for done, place in enumerate(places):
            progress(done / len(places))
            patch = image[place]
            total[place] += weight
            if float((patch > _AIR_LEVEL).float().mean()) < _AIR_SHARE:
                hu[place] += self._card.output.outside * weight
                continue
            answer = self._network(patch[None, None])
            hu[place] += answer[0, 0] * weight
            spread[place] += answer[0, 1] * weight
            computed += 1
        return hu / total, spread / total, computed


def fastest_precision(device: torch.device) -> str:
    """Return ``bfloat16`` where the processor computes with it, else ``float32``."""
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bfloat16" if native else "float32"
