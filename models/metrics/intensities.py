"""How two images agree over the same voxels, each a number: NMSE, PSNR, Pearson's R, divergence of histograms.

Errors (MAE, ME, RMSE) are in `models.metrics.regions`, structure (SSIM) in `models.metrics.structure`.
"""

from __future__ import annotations

import numpy as np

from models.volumes import Array


def psnr(truth: Array, prediction: Array, peak: float) -> float | None:
    """Return the peak signal to noise ratio 20 log10(peak / RMSE) in dB; None where both are the same.

    It means nothing without `peak`: the same two images differ by 48 dB between 255 and 65535.
    """
    squared = np.square(prediction.astype(np.float64) - truth).mean()
    return float(20 * np.log10(peak / np.sqrt(squared))) if squared else None


def nmse(truth: Array, prediction: Array) -> float | None:
    """Return the squared error as a share of the true image's square; None where the true image is 0."""
    power = float(np.square(truth.astype(np.float64)).sum())
    return float(np.square(prediction.astype(np.float64) - truth).sum()) / power if power else None


def pearson_r(truth: Array, prediction: Array) -> float | None:
    """Return the coefficient of linear correlation, -1 to 1; None where one of both is constant."""
    true, ours = truth.astype(np.float64).ravel(), prediction.astype(np.float64).ravel()
    true, ours = true - true.mean(), ours - ours.mean()
    scale = float(np.linalg.norm(true) * np.linalg.norm(ours))
    # What is left of a constant after its mean is taken off is rounding, not signal.
    if scale <= 1e-9 * true.size:
        return None
    return float(np.clip(true @ ours / scale, -1.0, 1.0))


def histogram_kl(truth: Array, prediction: Array, lowest: float, highest: float, bins: int) -> float:
    """Return the Kullback-Leibler divergence D(truth || prediction) of the histograms, in nats.

    Both are clipped to the range and counted in equal bins; one count is added to each bin (Laplace), because a bin
    that only the truth fills would make the divergence infinite. It knows nothing of where a value stands.
    """
    true, ours = (
        np.histogram(np.clip(values, lowest, highest), bins=bins, range=(lowest, highest))[0] + 1.0
        for values in (truth, prediction)
    )
    true, ours = true / true.sum(), ours / ours.sum()
    return float((true * np.log(true / ours)).sum())
