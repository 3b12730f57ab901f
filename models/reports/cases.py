"""A pair as an evaluation takes it: what goes in, what should come out, and where both are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.errors import InputError
from models.metrics.regions import Mask
from models.nifti import read_nifti
from models.packages import Card
from models.pairs import PairFolder, load_pair
from models.volumes import Array, Grid, Triple, Volume

UNSTATED = "unstated"
"""The contrast of a pair whose ``about.json`` says none."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One pair, read.

    Attributes
    ----------
    patient
        The pair's folder.
    case
        Whose anatomy it is; several contrasts of one count as one patient.
    contrast
        Weighting of the MR, or `UNSTATED`.
    simulated
        Whether the pair says that it was rendered and not scanned.
    inputs
        Images by the names of the card's inputs.
    truth
        True CT in HU, or labels, on `grid`.
    body
        The same for every method.
    grid
        The pair's own; every method is compared on it.
    """

    patient: str
    case: str
    contrast: str
    simulated: bool
    inputs: Mapping[str, Volume]
    truth: Array
    body: Mask
    grid: Grid

    @property
    def spacing(self) -> Triple:
        """Millimetres along k, j, i: the order of the arrays' axes."""
        i, j, k = self.grid.spacing
        return k, j, i


def refuse_unfit(card: Card) -> None:
    """Refuse a package that pairs of one MR and one CT cannot judge.

    Raises
    ------
    InputError
        ``evaluation-unsupported``, for several inputs of one modality, or an output other than CT or labels.
    """
    modalities = [one.modality for one in card.inputs]
    if card.output.modality == "MR" or len(set(modalities)) < len(modalities) or not {"MR", "CT"} >= set(modalities):
        raise InputError(
            "evaluation-unsupported",
            package=card.name,
            found=f"{'+'.join(modalities)} to {card.output.modality}",
            accepted="one MR, one CT or both, to CT or labels",
        )


def load_case(pair: PairFolder, card: Card) -> Case:
    """Read a pair for a package that `refuse_unfit` let pass.

    Raises
    ------
    PairsError, InputError
        If the pair's images are not what their names say, or a segmentation's pair has no labels (``labels-missing``).
    """
    loaded = load_pair(pair)
    about = pair.about or {}
    images = {"MR": loaded.mr, "CT": loaded.ct}
    return Case(
        patient=pair.patient,
        case=pair.case,
        contrast=stated_contrast(pair),
        simulated=bool(about.get("simulated", False)),
        inputs={one.name: images[one.modality] for one in card.inputs},
        truth=_labels(pair) if card.output.modality == "SEG" else loaded.ct.values,
        body=np.asarray(loaded.mask.values, dtype=bool),
        grid=pair.grid,
    )


def stated_contrast(pair: PairFolder) -> str:
    """Return the weighting that a pair's ``about.json`` states, or `UNSTATED`."""
    return str((pair.about or {}).get("contrast") or UNSTATED)


def _labels(pair: PairFolder) -> Array:
    if pair.labels is None:
        raise InputError(
            "labels-missing",
            file=str(pair.folder / "labels.nii.gz"),
            remedy="give each patient the true labels, on the grid of the pair, with the values of the package's card",
        )
    return np.rint(read_nifti(pair.labels).values).astype(np.int16)
