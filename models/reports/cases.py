"""A pair as an evaluation takes it: what goes in, what should come out, and where both are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.errors import InputError
from models.metrics.regions import Mask
from models.metrics.signal import normalised_signal
from models.nifti import read_nifti
from models.packages import Card
from models.pairs import PairFolder, load_pair
from models.quantities import Quantity
from models.volumes import Array, Grid, Triple, Volume

_OF_PAIRS = frozenset({Quantity.MR_SIGNAL, Quantity.CT_NUMBER})

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
        True CT in HU, true MR by `models.metrics.signal.normalised_signal`, or labels, on `grid`.
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


def check_supported(card: Card) -> None:
    """Refuse a package that pairs of one MR and one CT cannot judge.

    Raises
    ------
    InputError
        ``evaluation-unsupported``, for several inputs of one quantity, or an output other than CT, MR or labels.
    """
    seen, made = [one.quantity for one in card.inputs], card.output.quantity
    fits = len(set(seen)) == len(seen) and set(seen) <= _OF_PAIRS and made in (*_OF_PAIRS, Quantity.LABEL)
    if not fits or made in seen:
        raise InputError(
            "evaluation-unsupported",
            package=card.name,
            found=f"{'+'.join(seen)} to {made}",
            accepted="one MR or one CT to the other, or one of them or both to labels",
        )


def load_case(pair: PairFolder, card: Card) -> Case:
    """Read a pair for a package that `refuse_unfit` let pass.

    Raises
    ------
    PairsError, InputError
        If the pair's images are not what their names say, or a segmentation's pair has no labels (``labels-missing``).
    """
    loaded = load_pair(pair)
    about, made = pair.about or {}, card.output.quantity
    images = {Quantity.MR_SIGNAL: loaded.mr, Quantity.CT_NUMBER: loaded.ct}
    body = np.asarray(loaded.mask.values, dtype=bool)
    return Case(
        patient=pair.patient,
        case=pair.case,
        contrast=stated_contrast(pair),
        simulated=bool(about.get("simulated", False)),
        inputs={one.name: images[one.quantity] for one in card.inputs},
        truth=_labels(pair) if made is Quantity.LABEL else comparable(images[made].values, body, made),
        body=body,
        grid=pair.grid,
    )


def comparable(values: Array, body: Mask, quantity: Quantity) -> Array:
    """Return an image as it is compared: MR signal normalised, all else as it is.

    Raises
    ------
    InputError
        As `models.metrics.signal.normalised_signal`.
    """
    return normalised_signal(values, body) if quantity is Quantity.MR_SIGNAL else values


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
