"""What the engine is measured against: MONAI's sliding window around the same network, SimpleITK around that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK
import torch
from monai.inferers import sliding_window_inference

from models.intensity import normalise, reference_intensity
from models.networks.building import Network
from models.packages import Card
from models.volumes import Grid

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Rival:
    """A network run by MONAI, with the tile, the overlap and the weights of a tile's voxels that the engine has.

    Attributes
    ----------
    network
        Answers with HU and scale.
    batch
        Tiles given to it at once.
    """

    card: Card
    network: Network
    device: torch.device
    batch: int

    def hu(self, values: Floats) -> Floats:
        """Return HU for an image on the working grid, whole."""
        scaled = torch.from_numpy(normalise(values, reference_intensity(values)))
        card = self.card
        with torch.inference_mode():
            answer = sliding_window_inference(
                scaled[None, None].to(self.device),
                card.network.tile_shape,
                self.batch,
                self.network,
                overlap=card.network.overlap,
                mode="gaussian",
                sigma_scale=1 / 6,
            )
            clipped: Floats = answer[0, 0].clamp(card.output.lowest, card.output.highest).cpu().numpy()
        return clipped

    def end_to_end(self, source: SimpleITK.Image, target: Grid) -> Floats:
        """Return HU on the grid of `source`, computed on `target`."""
        resampled = SimpleITK.Resample(source, _image(target), SimpleITK.Transform(), SimpleITK.sitkLinear, 0.0)
        made = SimpleITK.GetImageFromArray(self.hu(SimpleITK.GetArrayFromImage(resampled)))
        made.CopyInformation(resampled)
        outside = self.card.output.outside
        back = SimpleITK.Resample(made, source, SimpleITK.Transform(), SimpleITK.sitkLinear, outside)
        result: Floats = SimpleITK.GetArrayFromImage(back)
        return result


def _image(grid: Grid) -> SimpleITK.Image:
    image = SimpleITK.Image(grid.size, SimpleITK.sitkFloat32)
    image.SetSpacing(grid.spacing)
    image.SetOrigin(grid.origin)
    image.SetDirection(np.asarray(grid.direction, dtype=float).T.ravel().tolist())
    return image
