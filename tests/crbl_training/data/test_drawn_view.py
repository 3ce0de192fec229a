"""drawn_view.py: the geometry in whole numbers, so that other versions of OpenCV give the same bits."""

import numpy as np
import pytest

from crbl_training.data.augmentation import STRONG, draw_view
from crbl_training.data.drawn_view import DrawnView, render_view

PLAIN = DrawnView(0, False, 1.0, 0.0, (0.0, 0.0), 1.0, 1.0, 0.0, 0.0, 0)
IMAGE = np.random.default_rng(0).integers(0, 256, (33, 40, 3), dtype=np.uint8)
SQUARE = IMAGE[:, :33]


def changed(**changes):
    return DrawnView(**(vars(PLAIN) | changes))


def test_nothing_drawn_changes_nothing():
    assert np.array_equal(render_view(IMAGE, PLAIN), IMAGE)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_turns_and_mirror_images_are_exact(turns, mirrored):
    turned = np.rot90(SQUARE, turns)
    expected = turned[:, ::-1] if mirrored else turned
    assert np.array_equal(render_view(SQUARE, changed(quarter_turns=turns, mirrored=mirrored)), expected)


def by_definition(image, view):
    """Bilinear interpolation with positions and weights in 32nds of a pixel, one pixel after the other."""
    height, width = image.shape[:2]
    angle = np.radians(view.rotation)
    back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) / view.scale
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    given = np.empty_like(image)
    for row in range(height):
        for column in range(width):
            from_middle = np.array([column, row]) - middle - np.array(view.shift) * (width, height)
            of_column, of_row = back[:, 0] * from_middle[0], back[:, 1] * from_middle[1] + middle
            x, y = (np.rint(of_column * 1024) + np.rint(of_row * 1024) + 16).astype(int) >> 5
            total = np.full(3, 512)
            for below, across in ((0, 0), (0, 1), (1, 0), (1, 1)):
                weight = (y % 32 if below else 32 - y % 32) * (x % 32 if across else 32 - x % 32)
                pixel = image[np.clip(y // 32 + below, 0, height - 1), np.clip(x // 32 + across, 0, width - 1)]
                total += weight * pixel.astype(int)
            given[row, column] = total >> 10
    return given


@pytest.mark.parametrize(
    "view",
    [changed(scale=0.8), changed(scale=1.17, rotation=7.3), changed(rotation=-9.9, scale=0.83, shift=(0.04, -0.031))],
)
def test_geometry_is_whole_number_arithmetic(view):
    assert np.array_equal(render_view(IMAGE, view), by_definition(IMAGE, view))


def test_positive_shift_goes_right_and_down():
    moved = render_view(IMAGE, changed(shift=(3 / 40, 2 / 33)))
    assert np.array_equal(moved[2:, 3:], IMAGE[:-2, :-3])
    assert np.array_equal(moved[0, 3:], IMAGE[0, :-3])


def test_contrast_is_about_the_mean_grey_and_brightness_follows():
    image = np.full((8, 8, 3), 100, np.uint8)
    image[:4] = 160
    view = render_view(image, changed(contrast=0.5, brightness=1.1))
    assert view[0, 0].tolist() == pytest.approx([1.1 * 145] * 3, abs=1)
    assert view[7, 0].tolist() == pytest.approx([1.1 * 115] * 3, abs=1)


@pytest.mark.parametrize("sigma", [0.02, 0.05])
def test_noise_has_its_deviation_and_no_mean_and_is_saturated(sigma):
    grey = np.full((128, 128, 3), 128, np.uint8)
    noise = render_view(grey, changed(noise=sigma, noise_seed=5)).astype(float) - 128
    assert noise.std() == pytest.approx(255 * sigma, rel=0.02)
    assert abs(noise.mean()) < 0.1
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.03
    assert render_view(np.zeros((9, 9, 3), np.uint8), changed(noise=sigma, noise_seed=5)).max() < 100


def test_a_seed_draws_the_same_view_on_every_machine():
    # PCG64's raw numbers are a promise of numpy's; the values were written down once.
    view = draw_view(STRONG, 2**62 + 7)
    assert (view.quarter_turns, view.mirrored, view.noise_seed) == (3, True, 2153585494785475252)
    numbers = (view.scale, view.rotation, *view.shift, view.contrast, view.brightness)
    assert numbers == pytest.approx(
        (
            *(0.8483140551879275, 1.178921126396295, -0.029271841118415284),
            *(0.005839668625723746, 0.8307490947686383, 1.140093979163939),
        ),
        rel=1e-12,
    )
