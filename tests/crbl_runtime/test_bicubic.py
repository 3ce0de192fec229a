"""Bicubic resizing, against OpenCV's in float64."""

import platform

import cv2
import numpy as np
import pytest

from crbl_runtime.bicubic import resize_bicubic

SIZES = [(1, 1), (1, 7), (2, 128), (100, 100), (128, 128), (64, 256), (50, 301), (701, 90), (1, 2000), (517, 640)]


def opencv_in_float64(pixels: np.ndarray, size: int) -> np.ndarray:
    return cv2.resize(pixels.astype(np.float64), (size, size), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("height_width", SIZES)
@pytest.mark.parametrize("size", [32, 128, 131])
def test_the_values_are_those_of_opencv_in_float64_rounded_once(height_width: tuple[int, int], size: int) -> None:
    pixels = np.random.default_rng(size).integers(0, 256, (*height_width, 3), dtype=np.uint8)
    expected = opencv_in_float64(pixels, size)
    resized = resize_bicubic(pixels, size)
    assert resized.dtype == np.uint8
    if platform.machine() in ("x86_64", "AMD64"):
        assert np.array_equal(resized, np.clip(np.floor(expected + 0.5), 0, 255))
    # Compilers for other processors fuse operations of OpenCV's: some 6e-5 of difference before rounding.
    assert np.all(np.abs(np.clip(expected, 0, 255) - resized) <= 0.5 + 1e-3)


def test_part_of_an_image_need_not_lie_together_in_memory() -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 80, 3), dtype=np.uint8)
    part = image[5:77:2, 3:60]
    assert not part.flags.c_contiguous
    assert np.array_equal(resize_bicubic(part, 64), resize_bicubic(part.copy(), 64))


def test_values_beyond_the_ends_of_the_scale_are_limited() -> None:
    """Bicubic weights are negative in part: beside an edge the values overshoot."""
    image = np.zeros((16, 16, 3), np.uint8)
    image[:, 8:] = 255
    assert (opencv_in_float64(image, 64).min(), opencv_in_float64(image, 64).max()) < (0, 255)
    assert set(np.unique(resize_bicubic(image, 64)[:, [0, 20, 44, 63]])) == {0, 255}
