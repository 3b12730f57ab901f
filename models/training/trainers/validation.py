"""How a network that answers with values, or with logits of labels, is judged on held-out samples and shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from torch import Tensor

from models.batches import Batch
from models.training.data.patches import BODY
from models.training.logs import Picture
from models.training.montage import MADE, comparison_montage
from models.training.run_recorder import SCORE
from models.training.tasks import Task

PICTURED = 3
"""Held-out samples in a picture."""


def value_figures(held_out: Sequence[Batch], task: Task, predicted: Callable[[Batch], Tensor]) -> dict[str, float]:
    """Return mean errors in the body over the samples, in the target's unit; the absolute one is the score.

    Parameters
    ----------
    predicted
        Gives values (1, 1, ...) in the target's unit.
    """
    maes, mes = [], []
    for sample in held_out:
        error = (predicted(sample).float().cpu() - sample.images[task.target.name].cpu())[sample.masks[BODY].cpu()]
        if error.numel():
            maes.append(float(error.abs().mean()))
            mes.append(float(error.mean()))
    mae, me = (float(np.mean(values)) if values else float("nan") for values in (maes, mes))
    return {"mae_body": mae, "me_body": me, SCORE: mae}


def label_figures(held_out: Sequence[Batch], task: Task, predicted: Callable[[Batch], Tensor]) -> dict[str, float]:
    """Return the Dice of each structure over the samples, a miss counting 0, and their mean; 1 less that is the score.

    A sample in which nobody outlined a structure says nothing of it.

    Parameters
    ----------
    predicted
        Gives labels (1, 1, ...).
    """
    overlap = dict.fromkeys(task.target.labels, 0.0)
    both = dict.fromkeys(task.target.labels, 0.0)
    for sample in held_out:
        made, true = predicted(sample).cpu(), sample.images[task.target.name].cpu()
        outlined = sample.weights.get(task.target.name)
        for name, value in task.target.labels.items():
            if outlined is not None and not outlined[0, value].any():
                continue
            overlap[name] += 2.0 * float(((made == value) & (true == value)).sum())
            both[name] += float((made == value).sum() + (true == value).sum())
    dice = {f"dice_{name}": overlap[name] / both[name] for name in overlap if both[name]}
    mean = float(np.mean(list(dice.values()))) if dice else float("nan")
    return {**dice, "dice": mean, SCORE: 1.0 - mean}


def montage(held_out: Sequence[Batch], task: Task, predicted: Callable[[Batch], Tensor]) -> Picture:
    """Return the middle axial slices of the first held-out samples: inputs, truth and what was made."""
    rows: list[Mapping[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]] = []
    for sample in held_out[:PICTURED]:
        images = {name: sample.images[name] for name in task.names}
        images |= {f"true {task.target.name}": sample.images[task.target.name], MADE: predicted(sample)}
        rows.append({name: _middle(image).float().cpu().numpy() for name, image in images.items()})
    return comparison_montage(rows)


def _middle(image: Tensor) -> Tensor:
    plane = image[0, image.shape[1] // 2]  # of a slice with neighbours, the slice
    return plane if plane.ndim == 2 else plane[plane.shape[0] // 2]
