"""The predictor's contract, on an untrained network: ranges, fields, refusals, repeatability."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.errors import InputError, PackageError
from models.inference import Predictor
from models.packages import content_hash, load_package
from models.volumes import Grid, Volume

TARGET = Grid((24, 22, 20), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))


def quiet(_: float) -> None:
    """Take no notice."""


def ball(grid: Grid) -> Volume:
    k, j, i = (np.arange(n) - (n - 1) / 2 for n in grid.shape)
    radius = np.sqrt(k[:, None, None] ** 2 + j[None, :, None] ** 2 + i[None, None, :] ** 2)
    noise = np.random.default_rng(1).normal(0, 5, grid.shape)
    return Volume(np.where(radius < min(grid.shape) / 3, 300.0 + noise, np.abs(noise)).astype(np.float32), grid)


@pytest.fixture
def predictor(write_small_package: Callable[[], Path]) -> Predictor:
    return Predictor(load_package(write_small_package()))


def test_what_comes_back(predictor: Predictor) -> None:
    shares: list[float] = []
    source = ball(Grid((40, 40, 40), (1.0, 1.0, 1.0), (4.0, 2.0, 0.0)))
    found = predictor.predict({"mr": source}, TARGET, shares.append)
    assert found.synthetic.grid == found.resampled["mr"].grid == TARGET
    assert found.synthetic.values.dtype == found.resampled["mr"].values.dtype == np.float32
    assert found.synthetic.values.min() >= -1000
    assert found.synthetic.values.max() <= 1200
    assert found.uncertainty is not None
    asked = np.isfinite(found.uncertainty.values)
    assert found.uncertainty.values[asked].min() > 0
    assert not asked[:, :, 22:].any()
    assert (found.plan.computed, found.plan.whole) == (1, 8)  # the ball fits into one tile
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    # The source ends 43.5 mm along x: what lies beyond is air, whatever the network thinks.
    assert (found.synthetic.values[:, :, 22:] == -1000).all()
    assert (found.resampled["mr"].values[:, :, 22:] == 0).all()


def test_the_same_input_gives_the_same_bytes(predictor: Predictor) -> None:
    source = ball(Grid((40, 40, 40), (1.0, 1.0, 1.0), (4.0, 2.0, 0.0)))
    first, second = (predictor.predict({"mr": source}, TARGET, quiet).synthetic.values.tobytes() for _ in range(2))
    assert first == second


def test_units_do_not_matter(predictor: Predictor) -> None:
    source = ball(TARGET)
    scaled = Volume(source.values * np.float32(7.3), TARGET)
    one, other = (predictor.predict({"mr": v}, TARGET, quiet).synthetic.values for v in (source, scaled))
    np.testing.assert_allclose(one, other, atol=5)


def test_both_precisions_agree(write_small_package: Callable[[], Path]) -> None:
    package = load_package(write_small_package())
    source = ball(TARGET)
    one, other = (
        Predictor(package, precision=p).predict({"mr": source}, TARGET, quiet) for p in ("bfloat16", "float32")
    )
    assert (one.precision, other.precision) == ("bfloat16", "float32")
    assert np.abs(one.synthetic.values - other.synthetic.values).max() < package.card.golden.tolerance


def test_air_is_not_computed(predictor: Predictor) -> None:
    wide = Grid((64, 16, 16), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))
    values = np.zeros(wide.shape, np.float32)
    values[4:12, 4:12, 4:12] = np.random.default_rng(0).uniform(200, 300, (8, 8, 8))
    found = predictor.predict({"mr": Volume(values, wide)}, wide, quiet)
    assert (found.plan.computed, found.plan.whole) == (1, 7)
    assert (found.synthetic.values[:, :, 16:] == -1000).all()
    assert found.uncertainty is not None
    # Nobody was asked there: 0 would say that air is certain.
    assert np.isnan(found.uncertainty.values[:, :, 16:]).all()
    assert np.isfinite(found.uncertainty.values[:, :, :16]).all()


def test_a_volume_smaller_than_a_tile(predictor: Predictor) -> None:
    small = Grid((6, 9, 5), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))
    assert predictor.predict({"mr": ball(small)}, small, quiet).synthetic.values.shape == small.shape


def test_fit_for_use_in_any_order(predictor: Predictor) -> None:
    source, other = ball(TARGET), Volume(ball(TARGET).values[::-1].copy(), TARGET)
    alone = predictor.predict({"mr": source}, TARGET, quiet).synthetic.values
    predictor.predict({"mr": other}, TARGET, quiet)
    assert np.array_equal(predictor.predict({"mr": source}, TARGET, quiet).synthetic.values, alone)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(predictor: Predictor, bad: float) -> None:
    source = ball(TARGET)
    source.values[3, 3, 3] = bad
    with pytest.raises(InputError) as caught:
        predictor.predict({"mr": source}, TARGET, quiet)
    assert caught.value.code == "intensity-not-finite"
    assert caught.value.parameters == {"input": "mr", "voxels": 1}


@pytest.mark.parametrize("level", [0.0, 7.0, -7.0])
def test_a_constant_image_is_refused(predictor: Predictor, level: float) -> None:
    with pytest.raises(InputError, match="intensity-constant"):
        predictor.predict({"mr": Volume(np.full(TARGET.shape, level, np.float32), TARGET)}, TARGET, quiet)


def test_a_target_of_other_spacing_is_refused(predictor: Predictor) -> None:
    other = Grid(TARGET.size, (2.0, 2.0, 2.5), TARGET.origin)
    with pytest.raises(InputError, match="target-spacing"):
        predictor.predict({"mr": ball(TARGET)}, other, quiet)


def test_a_turned_target_is_refused(predictor: Predictor) -> None:
    turned = Grid(TARGET.size, TARGET.spacing, TARGET.origin, ((0, 1, 0), (1, 0, 0), (0, 0, 1)))
    with pytest.raises(InputError, match="target-not-axial"):
        predictor.predict({"mr": ball(TARGET)}, turned, quiet)


def test_a_target_beside_the_source_is_refused(predictor: Predictor) -> None:
    beside = Grid(TARGET.size, TARGET.spacing, (500.0, 0.0, 0.0))
    with pytest.raises(InputError, match="target-misses-source"):
        predictor.predict({"mr": ball(TARGET)}, beside, quiet)


def test_weights_of_another_shape_are_refused(
    write_small_package: Callable[[], Path], small_card: dict[str, object]
) -> None:
    import yaml

    folder = write_small_package()
    network = dict(small_card["network"], widths=[4, 16])  # type: ignore[call-overload]
    (folder / "card.yaml").write_text(yaml.safe_dump(small_card | {"network": network}))
    stated = content_hash(folder)
    (folder / "card.yaml").write_text(yaml.safe_dump(small_card | {"network": network, "sha256": stated}))
    with pytest.raises(PackageError, match="weights-unfit"):
        Predictor(load_package(folder))


def test_an_unknown_precision_is_refused(write_small_package: Callable[[], Path]) -> None:
    with pytest.raises(InputError, match="precision-unknown"):
        Predictor(load_package(write_small_package()), precision="int8")
