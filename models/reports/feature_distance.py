"""How alike synthetic and true CTs look to the package's own encoder, over the cohort: a Fréchet distance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from models.metrics.frechet import Floats, bottleneck_features, frechet_distance
from models.networks.residual_unet import ResidualUNet
from models.reports.cases import Case
from models.volumes import Array

_PATCHES_A_CASE = 16
_SEED = 7
_TRUTH = "truth"


class FeatureDistance:
    """Collects features of patches, the same places for every method.

    Parameters
    ----------
    network
        Whose deepest features are compared.
    side
        Side of a patch in voxels of the pair's grid.
    """

    def __init__(self, network: ResidualUNet, side: int) -> None:
        self._features = bottleneck_features(network.eval())
        self._side = side
        self._found: dict[str, list[Floats]] = defaultdict(list)

    @property
    def patches(self) -> int:
        """How many patches each method has by now."""
        return len(self._found[_TRUTH])

    def add(self, case: Case, answers: Mapping[str, Array]) -> None:
        """Take patches around random places of the body; none where the image is smaller than a patch."""
        if min(case.body.shape) < self._side:
            return
        rng = np.random.default_rng([_SEED, self.patches])
        places = np.argwhere(case.body)
        for place in places[rng.integers(len(places), size=_PATCHES_A_CASE)]:
            start = np.clip(place - self._side // 2, 0, np.array(case.body.shape) - self._side)
            box = tuple(slice(int(one), int(one) + self._side) for one in start)
            for name, values in {_TRUTH: case.truth, **answers}.items():
                # Air 0, water 1, bone 2 and more: the scale of the images that the encoder knows.
                self._found[name].append(self._features(np.clip(values[box] / 1000.0 + 1.0, 0.0, 3.0)))

    def distances(self) -> dict[str, float]:
        """Return each method's distance from the truth; empty with fewer than two patches."""
        if self.patches < 2:
            return {}
        truth = self._found[_TRUTH]
        return {
            name: frechet_distance(truth, found, lambda vector: vector)
            for name, found in self._found.items()
            if name != _TRUTH
        }
