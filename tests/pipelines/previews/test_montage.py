from __future__ import annotations

from io import BytesIO
from time import process_time

import numpy as np
import numpy.typing as npt
import pytest
from derived import GRID, head, regions
from PIL import Image

from models.volumes import Grid, Volume
from pipelines.previews.canvas import MARK, Canvas
from pipelines.previews.montage import montage
from pipelines.previews.planes import view_of
from pipelines.previews.shades import UNKNOWN, heat

MR = Volume(np.where(head().values > -500, 300.0, 5.0).astype(np.float32), GRID)


def drawn(**changes: object) -> npt.NDArray[np.uint8]:
    arguments = {
        "resampled": MR, "hu": head(), "rois": regions(), "uncertainty": None, "title": "Title", "subtitle": "Subtitle",
    }  # fmt: skip
    return np.asarray(Image.open(BytesIO(montage(**(arguments | changes)))).convert("RGB"))


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert montage(MR, head(), regions(), None, "A") == montage(MR, head(), regions(), None, "A")


def test_uncertainty_is_a_column_of_its_own() -> None:
    uncertainty = Volume(np.abs(head().values) / 10, GRID)
    assert drawn(uncertainty=uncertainty).shape[1] > drawn().shape[1] + 300


def test_where_the_map_says_nothing_is_grey_and_no_colour_of_a_scale() -> None:
    values = np.full(GRID.shape, 50, np.float32)
    values[:, :, : GRID.shape[2] // 2] = np.nan
    half = drawn(uncertainty=Volume(values, GRID))
    whole = drawn(uncertainty=Volume(np.zeros(GRID.shape, np.float32), GRID))
    assert (half == UNKNOWN).all(axis=2).sum() > 1000
    assert not (whole == UNKNOWN).all(axis=2).any()
    # No seam of "certain" where the two meet: one colour beside the grey.
    picture = heat(values[4], 50.0, (97, 89))
    assert {tuple(colour) for colour in picture.reshape(-1, 3)} == {UNKNOWN, tuple(picture[0, -1])}


def test_outlines_have_their_regions_colours_and_no_region_none() -> None:
    def shown(picture: npt.NDArray[np.uint8]) -> list[bool]:
        return [bool((picture == roi.colour).all(axis=2).any()) for roi in regions()]

    assert shown(drawn()) == [True, True]
    assert shown(drawn(rois=())) == [False, False]


def test_the_mark_stays_on_every_synthetic_picture_even_on_white() -> None:
    white = Volume(np.full(GRID.shape, 3000, dtype=np.float32), GRID)
    marked = (drawn(hu=white, resampled=white) == MARK).all(axis=2)
    # The first row of pictures: none on the MR, one on each synthetic picture, at its upper right.
    row = marked[154:190]
    assert [bool(row[:, left + 280 : left + 380].any()) for left in (28, 418, 808)] == [False, True, True]


def test_a_lesion_on_the_patients_right_is_at_the_left_of_the_picture() -> None:
    hu = head()
    hu.values[:] = -1000
    hu.values[:, :, 8:12] = 2500
    picture = drawn(hu=hu, rois=())[154:534, 808:1188].astype(int).sum(axis=2)
    columns = np.flatnonzero(picture[150:230].mean(axis=0) > 300)
    assert columns.max() < 190


def test_superior_is_up_and_anterior_at_the_left_of_the_sagittal_picture() -> None:
    (_, coronal, sagittal) = view_of(np.ones(GRID.shape, dtype=bool), GRID).cuts
    ramp = np.broadcast_to(np.arange(GRID.size[2])[:, None, None], GRID.shape)
    assert coronal.of(ramp)[0, 0] > coronal.of(ramp)[-1, 0]
    behind = np.broadcast_to(np.arange(GRID.size[1])[None, :, None], GRID.shape)
    assert sagittal.of(behind)[0, 0] < sagittal.of(behind)[0, -1]


def test_planes_go_through_the_middle_of_the_body() -> None:
    body = np.zeros(GRID.shape, dtype=bool)
    body[10:21, 30:41, 5:16] = True
    assert [cut.index for cut in view_of(body, GRID).cuts] == [15, 35, 10]
    assert view_of(body, GRID).side_mm == pytest.approx(22 * 1.16)
    assert view_of(np.zeros(GRID.shape, dtype=bool), GRID).centre == (19, 31, 27)


def test_a_title_that_is_too_long_is_shortened_and_never_covers_the_disclaimer() -> None:
    assert np.array_equal(drawn()[20:64, 820:], drawn(title="W" * 500)[20:64, 820:])
    canvas = Canvas(100, 20)
    assert canvas.fitted("short", 12, 100) == "short"
    assert canvas.width_of(canvas.fitted("i" * 300, 12, 60), 12) <= 60


@pytest.mark.parametrize("size", [(1, 1, 1), (2, 300, 3)])
def test_odd_grids_are_drawn(size: tuple[int, int, int]) -> None:
    grid = Grid(size, (1.0, 0.7, 5.0), (0.0, 0.0, 0.0))
    nothing = Volume(np.full(grid.shape, np.nan, dtype=np.float32), grid)
    assert montage(nothing, nothing, (), nothing, "")


def test_volumes_on_different_grids_are_refused() -> None:
    other = Grid((4, 4, 4), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="shape"):
        montage(Volume(np.zeros((4, 4, 4)), other), head(), (), None, "")


def test_a_whole_head_is_drawn_in_time() -> None:
    grid = Grid((200, 210, 180), (1.0, 1.0, 1.0), (-100.0, -105.0, -90.0))
    whole = head(grid)
    rois = regions(grid)
    begun = process_time()
    montage(whole, whole, rois, whole, "Whole head")
    assert process_time() - begun < 2.5, "seconds of the processor, since other processes may hold it"
