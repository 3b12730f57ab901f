"""The phantom is a head: its parts where they belong, the same from every side."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from models.anatomy.phantoms import head_ct, head_labels, head_phantom
from models.errors import InputError
from models.sequences import SpinEcho
from models.tissues import PROPERTIES, Tissue
from models.volumes import Grid, Volume

AXIAL = Grid((60, 78, 76), (3.0, 3.0, 3.0), (-88.5, -124.5, -120.0))
# The same field seen from the side: i runs backwards, j downwards, k to the right.
SAGITTAL = Grid(
    (78, 76, 60), (3.0, 3.0, 3.0), (88.5, -124.5, 105.0), ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (-1.0, 0.0, 0.0))
)


@pytest.fixture(scope="module")
def labels() -> Volume:
    return head_labels(AXIAL)


def at(labels: Volume, x: float, y: float, z: float) -> Tissue:
    i, j, k = (round((p - o) / s) for p, o, s in zip((x, y, z), labels.grid.origin, labels.grid.spacing, strict=True))
    return Tissue(labels.values[k, j, i])


def test_a_sagittal_read_is_the_axial_one_turned(labels: Volume) -> None:
    sagittal = head_labels(SAGITTAL).values
    turned = sagittal.transpose(1, 2, 0)[::-1, :, ::-1]
    assert np.array_equal(turned, labels.values)


def test_parts_stand_where_they_belong(labels: Volume) -> None:
    assert at(labels, 0, 0, -118) != Tissue.AIR  # the neck goes on
    assert at(labels, 0, -120, 60) == at(labels, 85, 0, 80) == Tissue.AIR
    assert at(labels, 32, -75, -13) == at(labels, -32, -75, -13) == Tissue.EYE
    assert at(labels, 10.5, 3, 38) == at(labels, -10.5, 3, 38) == Tissue.CSF  # lateral ventricles
    assert at(labels, 21, -66, -42) == at(labels, -21, -66, -42) == Tissue.AIR  # maxillary sinuses
    assert at(labels, 33, 30, 45) in (Tissue.WHITE, Tissue.GREY, Tissue.CSF)


def test_a_closed_skull_surrounds_the_brain(labels: Volume) -> None:
    bone = np.isin(labels.values, (Tissue.CORTICAL_BONE, Tissue.MARROW))
    brain = np.isin(labels.values, (Tissue.WHITE, Tissue.GREY, Tissue.DEEP_GREY))
    vault = slice(round((30 - AXIAL.origin[2]) / 3), round((80 - AXIAL.origin[2]) / 3))
    for skull, inside in zip(bone[vault], brain[vault], strict=True):
        ring = ndimage.binary_closing(skull)
        assert (ndimage.binary_fill_holes(ring)[inside]).all()
        assert not ring[inside].any()


def test_it_has_the_size_of_a_head(labels: Volume) -> None:
    low, high = (edge(np.argwhere(labels.values > 0), axis=0) for edge in (np.min, np.max))
    height, length, width = (high - low + 1) * 3
    assert 150 <= width <= 190
    assert 195 <= length <= 235
    assert height >= 210
    brain = np.isin(labels.values, (Tissue.WHITE, Tissue.GREY, Tissue.DEEP_GREY)).sum() * 0.027
    assert 1000 <= brain <= 1600


def test_its_ct_is_known_exactly(labels: Volume) -> None:
    ct = head_ct(labels)
    for tissue in np.unique(labels.values):
        assert set(ct.values[labels.values == tissue]) == {np.float32(PROPERTIES[Tissue(tissue)].hu)}


def test_the_sequence_makes_the_contrast() -> None:
    t1 = head_phantom(AXIAL, noise=0.0, bias=0.0)
    t2 = head_phantom(AXIAL, noise=0.0, bias=0.0, sequence=SpinEcho(tr=4500, te=100))

    def mean(phantom: object, tissue: Tissue) -> float:
        deep = ndimage.binary_erosion(t1.labels.values == tissue)
        return float(phantom.mr.values[deep].mean())  # type: ignore[attr-defined]

    assert mean(t1, Tissue.WHITE) > mean(t1, Tissue.GREY) > mean(t1, Tissue.CSF)
    assert mean(t2, Tissue.CSF) > mean(t2, Tissue.GREY) > mean(t2, Tissue.WHITE)
    assert mean(t1, Tissue.FAT) > mean(t1, Tissue.WHITE)


def test_noise_follows_the_seed() -> None:
    small = Grid((20, 20, 4), (5.0, 5.0, 5.0), (-50.0, -50.0, 20.0))
    one, again, other = head_phantom(small, seed=1), head_phantom(small, seed=1), head_phantom(small, seed=2)
    assert np.array_equal(one.mr.values, again.mr.values)
    assert not np.array_equal(one.mr.values, other.mr.values)
    assert one.mr.values.dtype == one.ct.values.dtype == np.float32


def test_noise_in_air_is_rayleigh() -> None:
    air = Grid((40, 40, 40), (1.0, 1.0, 1.0), (300.0, 300.0, 300.0))
    values = head_phantom(air, noise=0.02).mr.values
    assert values.mean() == pytest.approx(20 * np.sqrt(np.pi / 2), rel=0.01)


@pytest.mark.parametrize(("noise", "bias"), [(-0.1, 0.0), (0.0, -0.1), (0.0, 1.0)])
def test_impossible_options_are_refused(noise: float, bias: float) -> None:
    with pytest.raises(InputError, match="phantom-options"):
        head_phantom(AXIAL, noise=noise, bias=bias)
