"""The same files give the same prepared pixels on every machine: with Intel's IPP and without, on every OpenCV."""

import hashlib
import json
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import skimage.data

from crbl_runtime.preprocessing import PreprocessingSpec, resize
from twenty_images import FOLDER, image_files, prepare_file

HASHES = json.loads((FOLDER / "prepared.json").read_text(encoding="utf-8"))


@pytest.fixture(params=[True, False], ids=["with IPP", "without IPP"])
def ipp(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Whether OpenCV may use Intel's IPP; a build without it never does."""
    before = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(request.param)
    yield request.param
    cv2.ipp.setUseIPP(before)


def test_twenty_files_have_the_pixels_that_they_have_everywhere(ipp: bool) -> None:
    prepared = {path.name: prepare_file(path).tobytes() for path in image_files()}
    assert len(prepared) == 20
    assert {name: hashlib.sha256(pixels).hexdigest() for name, pixels in prepared.items()} == HASHES["images"]
    assert hashlib.sha256(b"".join(prepared.values())).hexdigest() == HASHES["all"]


def test_the_grey_value_of_every_colour_is_the_same_everywhere(ipp: bool) -> None:
    """The mask of the object region hangs on it: 0.299 R + 0.587 G + 0.114 B in 15 bits, rounded."""
    green, blue = np.mgrid[0:256, 0:256].astype(np.int32)
    for red in range(256):
        colours = np.dstack([np.full_like(green, red), green, blue]).astype(np.uint8)
        expected = (9798 * red + 19235 * green + 3735 * blue + 2**14) >> 15
        assert np.array_equal(cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY), expected)


def test_the_contours_of_masks_come_in_the_same_order_everywhere() -> None:
    """Of two objects of one area the first one found is taken."""
    boxes = hashlib.sha256()
    for seed in range(400):
        random = np.random.default_rng(seed)
        height, width = random.integers(3, 60, 2)
        mask = np.where(random.random((height, width)) < (0.05, 0.2, 0.4, 0.6)[seed % 4], np.uint8(255), np.uint8(0))
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        found = [[*map(int, cv2.boundingRect(contour)), int(2 * cv2.contourArea(contour))] for contour in contours]
        boxes.update(repr(found).encode())
    assert boxes.hexdigest() == "2d6228e129e19c4796ed109ac9e49db700ee40629f293021d1c30012462417db"


def test_bicubic_values_are_those_of_the_original_program_but_for_rounding() -> None:
    """It resized uint8 with IPP; without IPP some 3 % of the values are off by 1."""
    if not cv2.ipp.useIPP() or "ippicv" not in cv2.getBuildInformation():
        pytest.skip("this OpenCV was built without IPP, or does not use it")
    image = skimage.data.coffee()[:400, :600]
    original = cv2.resize(image, (128, 128), interpolation=cv2.INTER_CUBIC)
    ours = resize(image, PreprocessingSpec(region="whole"))
    assert np.mean(ours != original) < 1e-4
    assert np.max(np.abs(ours.astype(int) - original)) <= 1
