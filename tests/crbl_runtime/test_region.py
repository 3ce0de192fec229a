"""The three regions, against the OpenCV calls of the original written out."""

import cv2
import numpy as np
import pytest

from crbl_runtime.region import border_region, object_region, whole_region


def image_with_object(x: int, y: int, width: int, height: int) -> np.ndarray:
    image = np.full((100, 110, 3), 240, np.uint8)
    noise = np.random.default_rng(3).integers(0, 40, (height, width, 3), dtype=np.uint8)
    image[y : y + height, x : x + width] = 60 + noise
    image[5:8, 100:103] = 90  # a smaller speck that must not win
    return image


def original_crop(image: np.ndarray) -> np.ndarray:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    _, mask = cv2.threshold(grey, 150, 255, cv2.THRESH_BINARY_INV)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    x, y, w, h = cv2.boundingRect(max(contours, key=cv2.contourArea))
    if y + h > 89:
        h = 89 - y
    return image[y + 1 : y + h - 1, x + 1 : x + w - 1]


@pytest.mark.parametrize("box", [(20, 10, 50, 60), (30, 40, 40, 59), (0, 0, 110, 100), (10, 20, 3, 80)])
def test_object_region_is_the_original_crop(box: tuple[int, int, int, int]) -> None:
    image = image_with_object(*box)
    region = object_region(image, 150, 89)
    assert region.found
    assert np.array_equal(region.pixels, original_crop(image))
    x, y, width, height = region.box
    assert np.array_equal(region.pixels, image[y : y + height, x : x + width])


def test_object_region_without_a_bottom_includes_what_lies_below_it() -> None:
    region = object_region(image_with_object(30, 40, 40, 59), 150, None)
    assert region.box == (31, 41, 38, 57)


@pytest.mark.parametrize(("grey", "found"), [(150, True), (151, False)])
def test_the_darkest_background_belongs_to_the_object(grey: int, found: bool) -> None:
    image = np.full((60, 60, 3), 255, np.uint8)
    image[20:40, 20:40] = grey
    assert object_region(image, 150, 89).found is found


@pytest.mark.parametrize("box", [(50, 90, 30, 8), (50, 50, 2, 20), (50, 88, 30, 10)])
def test_an_empty_box_gives_the_whole_image_and_no_object_found(box: tuple[int, int, int, int]) -> None:
    x, y, width, height = box
    image = np.full((100, 110, 3), 240, np.uint8)
    image[y : y + height, x : x + width] = 10
    region = object_region(image, 150, 89)
    assert not region.found
    assert region.box == (0, 0, 110, 100)
    assert np.array_equal(region.pixels, image)


def test_border_region_drops_the_first_rows_and_columns() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    region = border_region(image, 4)
    assert np.array_equal(region.pixels, image[4:, 4:])
    assert region.box == (4, 4, 46, 36)


def test_an_image_no_larger_than_the_border_is_taken_whole() -> None:
    region = border_region(np.zeros((4, 50, 3), np.uint8), 4)
    assert not region.found
    assert region.pixels.shape == (4, 50, 3)


def test_whole_region_is_the_image() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    assert np.array_equal(whole_region(image).pixels, image)
