"""Samplers between predictor and engine: how a network that is asked many times comes to one answer for a field.

The engine blends the tiles' answers over the whole field at each step, and the sampler then steps the whole field.
Noise is drawn once for the whole field, from a seed and on the CPU, so that neither tiles nor devices change it: a
network that is asked many times tiles without seams, and the same images give the same bytes.

A network that is asked by steps sees, behind the images, the state and the time as one more channel each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi, sqrt
from typing import Literal, Protocol

import torch
from torch import Tensor

Voxels = tuple[int, int, int]
Box = tuple[slice, slice, slice]

Ask = Callable[[Tensor | None, float], Tensor]
"""From the state (1, k, j, i), None where there is none, and the time to the blended answer (channels, k, j, i)."""

_LEAST_SIGNAL = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """Where sampling begins.

    Attributes
    ----------
    images
        (inputs, k, j, i) as the network sees them, in `box`.
    shape
        Of the whole field; noise is drawn for it and cut to `box`.
    box
        Which part of the field is computed.
    """

    images: Tensor
    shape: Voxels
    box: Box

    def noise(self, seed: int) -> Tensor:
        """Return (1, k, j, i) standard normal noise in the box, the same whatever the box, the tiles and the device."""
        whole = torch.randn((1, *self.shape), generator=torch.Generator().manual_seed(seed))
        return whole[(slice(None), *self.box)].to(self.images.device)


class Sampler(Protocol):
    """How a field is answered."""

    @property
    def passes(self) -> int:
        """How often the network is asked for the whole field."""
        ...

    @property
    def channels(self) -> int:
        """Channels that the network sees behind the images."""
        ...

    def sample(self, ask: Ask, start: Start) -> Tensor:
        """Return the answer (channels, k, j, i) in the box."""
        ...


class SteppedSampler(Sampler, Protocol):
    """One that asks by steps along a path, and can say what is to be learnt of it."""

    def lesson(self, image: Tensor, images: Tensor, noise: Tensor, time: float) -> tuple[Tensor, Tensor]:
        """Return the state at a time, and what the network is to answer there.

        Parameters
        ----------
        image
            (1, ...) what is to be reached, on the network's scale.
        images
            (inputs, ...) as the network sees them.
        noise
            (1, ...) standard normal.
        time
            Above 0, where the image is reached, and at most 1, where the path begins.
        """
        ...


@dataclass(frozen=True, slots=True)
class OneStep:
    """The network's own answer, asked once."""

    passes: int = 1
    channels: int = 0

    def sample(self, ask: Ask, start: Start) -> Tensor:
        """Ask."""
        return ask(None, 0.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """From the network's scale, where values lie within -1 and 1, to the output's unit."""

    offset: float
    scale: float


@dataclass(frozen=True, slots=True)
class Ddim:
    """Denoising diffusion, implicit and without new noise on the way (Song, Meng and Ermon 2021, eq. 12, sigma 0).

    With the cosine schedule of Nichol and Dhariwal 2021: a-bar(t) = cos^2((t + 0.008) / 1.008 * pi / 2), t from 1 to 0.

    Attributes
    ----------
    passes
        Number of steps.
    seed
        Of the noise.
    predicts
        What the network answers: the noise, or the image without it.
    unit
        How the last state becomes the output.
    """

    passes: int
    seed: int
    predicts: Literal["noise", "image"]
    unit: Scale
    channels: int = 2

    def sample(self, ask: Ask, start: Start) -> Tensor:
        """Step from noise to the image."""
        state = start.noise(self.seed)
        for left in range(self.passes, 0, -1):
            time, after = left / self.passes, (left - 1) / self.passes
            signal, signal_after = _signal(time), _signal(after)
            answer = ask(state, time)[:1]
            if self.predicts == "noise":
                image = ((state - sqrt(1 - signal) * answer) / sqrt(signal)).clamp_(-1, 1)
            else:
                image = answer.clamp(-1, 1)
            noise = (state - sqrt(signal) * image) / sqrt(1 - signal)
            state = image if left == 1 else sqrt(signal_after) * image + sqrt(1 - signal_after) * noise
        return state * self.unit.scale + self.unit.offset

    def lesson(self, image: Tensor, images: Tensor, noise: Tensor, time: float) -> tuple[Tensor, Tensor]:
        """Return the noisy image at a time, and the noise or the image (Ho, Jain and Abbeel 2020, eq. 4)."""
        signal = _signal(time)
        state = sqrt(signal) * image + sqrt(1 - signal) * noise
        return state, noise if self.predicts == "noise" else image


@dataclass(frozen=True, slots=True)
class RectifiedFlow:
    """Euler's steps along straight paths x(t) = (1 - t) image + t start (Liu, Gong and Liu 2023).

    The network answers the path's direction, start minus image. A start at an input instead of noise makes a bridge
    between the two images.

    Attributes
    ----------
    passes
        Number of steps.
    seed
        Of the noise.
    begins_at
        Number of the input at which paths begin; None for noise.
    unit
        How the last state becomes the output.
    """

    passes: int
    seed: int
    begins_at: int | None
    unit: Scale
    channels: int = 2

    def sample(self, ask: Ask, start: Start) -> Tensor:
        """Step from the start to the image."""
        begins_at = self.begins_at
        state = start.noise(self.seed) if begins_at is None else start.images[begins_at : begins_at + 1].clone()
        for left in range(self.passes, 0, -1):
            state = state - ask(state, left / self.passes)[:1] / self.passes
        return state * self.unit.scale + self.unit.offset

    def lesson(self, image: Tensor, images: Tensor, noise: Tensor, time: float) -> tuple[Tensor, Tensor]:
        """Return the point of the straight path at a time, and the path's direction."""
        begins_at = self.begins_at
        start = noise if begins_at is None else images[begins_at : begins_at + 1]
        return (1 - time) * image + time * start, start - image


def _signal(time: float) -> float:
    """Return a-bar, the share of the image's variance that is left at `time`."""
    begin, at = cos(0.008 / 1.008 * pi / 2) ** 2, cos((time + 0.008) / 1.008 * pi / 2) ** 2
    return min(max(at / begin, _LEAST_SIGNAL), 1 - _LEAST_SIGNAL)
