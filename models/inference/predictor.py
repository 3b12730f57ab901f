"""The predictor: one package, kept warm, that turns a patient's images into a synthetic one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from math import nan

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.errors import InputError, PackageError
from models.inference.device import chosen_precision, device_class, device_named, fitting_batch
from models.inference.engine import Blended, Engine, Progress, smaller_tilings
from models.inference.ensembling import Ensembling, ensembled
from models.inference.inputs import Prepared, match_inputs, prepare
from models.inference.plan import Tiling
from models.inference.prediction import Prediction
from models.networks.building import Network, network_for
from models.packages import CardNetwork, ModelPackage
from models.volumes import Grid, Volume

Floats = npt.NDArray[np.float32]


class Predictor:
    """Runs the network of a package.

    Parameters
    ----------
    package
        Its card says what it takes and what comes out.
    device
        ``cpu`` or ``cuda:0``.
    precision
        ``bfloat16`` or ``float32``; where it is not given, the fastest that the card allows and the device has.
    ensembling
        Over which copies of the images the answer is averaged.
    build
        Makes the network; see `models.networks.building.network_for`.

    Raises
    ------
    InputError
        ``precision-unknown``; ``ensembling-refused`` for a segmentation, whose structures have a side.
    DeviceError
        ``device-unknown``, ``device-absent``.
    PackageError, PackageTampered
        As `build`.
    """

    def __init__(
        self,
        package: ModelPackage,
        device: str = "cpu",
        precision: str | None = None,
        ensembling: Ensembling = Ensembling.ALONE,
        build: Callable[[ModelPackage, str, str], Network] = network_for,
    ) -> None:
        self._card = package.card
        self._device = device_named(device)
        self._precision = chosen_precision(self._device, self._card.network.precisions, precision)
        if ensembling is not Ensembling.ALONE and self._card.task.kind == "segmentation":
            raise InputError("ensembling-refused", found=ensembling.value, accepted=Ensembling.ALONE.value)
        network = ensembled(build(package, device, self._precision), ensembling)
        of_card = self._card.network
        self._engine = Engine(
            network, self._device, _tilings(of_card, self._device), of_card.sampler(), of_card.slices_beside
        )

    def warm_up(self) -> None:
        """Run the network once on nothing, so that the first patient does not wait for it."""
        self._engine.warm_up(len(self._card.inputs))

    @torch.inference_mode()
    def predict(self, inputs: Mapping[str, Volume], target: Grid, progress: Progress) -> Prediction:
        """Compute the synthetic image on `target`. The same images on the same device give the same bytes.

        Parameters
        ----------
        inputs
            By the card's names or aliases of its inputs: images in the units that the card's normalisation takes, in
            any orientation and on grids of their own, in one frame of reference.
        target
            Axial: identity direction, with the card's voxel spacing.
        progress
            Called with the share of tiles done, 0 to 1, and at last with 1.

        Raises
        ------
        InputError
            If an input is missing or unknown, has values that are not finite, is constant or has fewer than two voxels
            along an axis, or the target is not as said above or lies where the images are not.
        DeviceError
            ``memory-short``.
        PackageError
            ``answer-not-finite``: the network overflowed, and nothing of what it says can be used.
        """
        began = time.perf_counter()
        self._check_target(target)
        accepted = self._card.inputs
        field = prepare(match_inputs(inputs, accepted), accepted, target, self._card.network.tile_shape, self._device)
        blended = self._engine.run(field, progress)
        self._check_finite(blended)
        synthetic, scale = self._read(blended, field)
        confidence = self._confidence(blended, field)
        return Prediction(
            synthetic=Volume(synthetic, target),
            resampled={
                limits.name: Volume(raw[field.inside].cpu().numpy(), target)
                for limits, raw in zip(accepted, field.raw, strict=True)
            },
            uncertainty=None if scale is None else Volume(scale, target),
            confidence=None if confidence is None else Volume(confidence, target),
            plan=blended.plan,
            precision=self._precision,
            device=str(self._device),
            device_class=device_class(self._device),
            seconds=time.perf_counter() - began,
        )

    def _check_target(self, target: Grid) -> None:
        if not np.allclose(target.direction, np.eye(3), atol=1e-6):
            raise InputError("target-not-axial", found=str(target.direction), accepted="identity (LPS)")
        if not np.allclose(target.spacing, self._card.output.voxel_mm, atol=1e-4):
            raise InputError(
                "target-spacing", found=str(target.spacing), accepted=str(tuple(self._card.output.voxel_mm))
            )

    def _check_finite(self, blended: Blended) -> None:
        # Written as whole numbers, NaN would become some CT number, or a label.
        if blended.values is not None and not bool(torch.isfinite(blended.values).all()):
            raise PackageError(
                "answer-not-finite",
                package=self._card.name,
                precision=self._precision,
                device=str(self._device),
                remedy="compute it in float32 or on another device, and look at it with `synthnode models verify`",
            )

    def _read(self, blended: Blended, field: Prepared) -> tuple[Floats, Floats | None]:
        """Return the synthetic image and its uncertainty on the target grid."""
        output = self._card.output
        values, segmentation = blended.values, self._card.task.kind == "segmentation"
        if segmentation:
            answer = None if values is None else values.argmax(dim=0).float()
            return self._placed(blended, field, answer, output.outside), None
        answer = None if values is None else values[0].clamp_(output.lowest, output.highest)
        synthetic = self._placed(blended, field, answer, output.outside)
        if values is not None and len(values) == 1:
            return synthetic, None
        factor = 1.0 if self._card.calibration is None else self._card.calibration.factor
        scale = None if values is None else values[1].mul_(factor)
        # What a rule says there the network does not vouch for, and 0 would be read as certainty.
        return synthetic, self._placed(blended, field, scale, nan)

    def _confidence(self, blended: Blended, field: Prepared) -> Floats | None:
        """Return the share of the chosen label on the target grid; None where there are no labels."""
        if self._card.task.kind != "segmentation":
            return None
        share = None if blended.values is None else blended.values.softmax(dim=0).amax(dim=0)
        return self._placed(blended, field, share, 0.0)

    def _placed(self, blended: Blended, field: Prepared, answer: Tensor | None, outside: float) -> Floats:
        """Return `answer`, which lies in the plan's box, on the target grid, and `outside` where there is none."""
        whole = torch.full(field.shape, outside, device=self._device)
        if answer is not None and blended.covered is not None and blended.plan.box is not None:
            box = blended.plan.box
            whole[box] = answer.masked_fill_(~(blended.covered & field.field[box]), outside)
        values: Floats = whole[field.inside].cpu().numpy()
        return values


def _tilings(network: CardNetwork, device: torch.device) -> tuple[Tiling, ...]:
    tile = network.tile_shape
    return smaller_tilings(Tiling(tile, tile, network.overlap, fitting_batch(device)), network.tile_step)
