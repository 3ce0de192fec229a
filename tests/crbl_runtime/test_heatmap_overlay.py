"""heatmap_overlay.py: flat cells where the heatmap has them, and nothing where it has none."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from crbl_runtime.errors import UsageError
from crbl_runtime.heatmap_overlay import LARGEST_SIDE, SMALLEST_SIDE, draw_overlay, full_colour, tinted
from crbl_runtime.prediction import Prediction


def prediction(heatmap: list[list[float]], box: tuple[int, int, int, int]) -> Prediction:
    return Prediction(
        probability=0.9,
        logit=2.2,
        calibrated_probability=None,
        is_anomaly=True,
        label="anomaly",
        threshold=0.5,
        threshold_given=False,
        variant="crop",
        region_found=True,
        box=box,
        notes=(),
        bit_depth_unclear=False,
        provider="cpu",
        fallback=None,
        device_removed=None,
        preparation=None,
        heatmap=np.array(heatmap, np.float32),
    )


def light(height: int, width: int) -> NDArray[np.uint8]:
    return np.full((height, width, 3), 200, np.uint8)


def test_each_cell_is_one_flat_colour_over_its_part_of_the_box() -> None:
    # 120 x 100 pixels become four times as large; the box of 80 x 60 has cells of 40 x 20.
    limit = full_colour(np.zeros((3, 2), np.float32))
    heatmap = [[limit, 0.0], [-limit, limit / 2], [2 * limit, -limit / 2]]
    drawn = draw_overlay(light(100, 120), prediction(heatmap, (20, 30, 80, 60)))[:400]
    inside = drawn[120:360, 80:400]
    cells = [
        [inside[80 * row + 2 : 80 * row + 78, 160 * column + 2 : 160 * column + 158] for column in (0, 1)]
        for row in range(3)
    ]
    for row in cells:
        for cell in row:
            assert np.all(cell == cell[0, 0])
    colour = [[cell[0, 0].astype(int) for cell in row] for row in cells]
    red, blue = colour[0][0], colour[1][0]
    assert red[0] > red[2] + 100
    assert blue[2] > blue[0] + 100
    assert np.ptp(colour[0][1]) == 0
    assert red[1] < colour[1][1][1] < colour[0][1][1]
    assert np.array_equal(colour[2][0], red)
    assert colour[2][1][2] > colour[2][1][0]


def test_outside_of_the_box_the_image_is_as_it_was() -> None:
    drawn = draw_overlay(light(100, 120), prediction([[9.0]], (20, 30, 80, 60)))
    outside = np.ones(drawn.shape[:2], bool)
    outside[120:360, 80:400] = False
    assert np.all(drawn[:400][outside[:400]] == 200)


def test_the_whole_box_is_tinted_and_no_pixel_beside_it() -> None:
    drawn = draw_overlay(light(480, 480), prediction([[9.0, 9.0, 9.0]], (100, 50, 70, 31)))
    changed = np.any(drawn[:480] != 200, axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (50, 80, 100, 169)
    assert changed[50:81, 100:170].all()


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (1, 5000), (5000, 1), (2000, 3), (479, 481), (1600, 1600), (4000, 3000)]
)
def test_images_of_every_size_and_shape_are_drawn(height: int, width: int) -> None:
    for box in ((0, 0, width, height), (width - 1, height - 1, 1, 1)):
        drawn = draw_overlay(light(height, width), prediction([[1.0, -1.0], [0.0, 2.0]], box))
        assert drawn.dtype == np.uint8
        assert SMALLEST_SIDE <= max(drawn.shape[:2]) <= LARGEST_SIDE + 100


def test_the_image_and_the_heatmap_stay_as_they_were() -> None:
    image, predicted = light(480, 500), prediction([[1.0]], (0, 0, 500, 480))
    draw_overlay(image, predicted)
    assert np.all(image == 200)
    assert predicted.heatmap is not None
    assert predicted.heatmap[0, 0] == 1


def test_the_colour_depends_on_the_contribution_alone() -> None:
    """So that the overlays of all images compare."""
    weak, strong = (
        draw_overlay(light(480, 480), prediction([[value, 0.0], [0.0, other]], (0, 0, 480, 480)))[100, 100]
        for value, other in ((0.5, 0.5), (0.5, 9.0))
    )
    assert np.array_equal(weak, strong)


def test_no_contribution_is_no_tint() -> None:
    assert np.all(tinted(np.full((2, 2, 3), 99, np.float32), np.zeros((2, 2), np.float32)) == 99)


def test_a_prediction_without_a_heatmap_is_refused() -> None:
    with pytest.raises(UsageError, match="no heatmap to draw"):
        draw_overlay(light(10, 10), replace(prediction([[1.0]], (0, 0, 10, 10)), heatmap=None))
