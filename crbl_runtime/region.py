"""Which part of an image the network sees. Each region is one function from an image to a part of it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from crbl_runtime.compared_by_value import ComparedByValue


@dataclass(frozen=True, eq=False)
class Region(ComparedByValue):
    """A part of an image.

    Attributes:
        pixels: uint8 [h, w, 3], RGB; never empty.
        found: False where the object region saw no object and the whole image was taken instead.
        box: (x, y, width, height) of the part in the decoded image, in pixels.
    """

    pixels: NDArray[np.uint8]
    found: bool
    box: tuple[int, int, int, int]


def whole_region(image: NDArray[np.uint8]) -> Region:
    """The image as it is."""
    height, width = image.shape[:2]
    return Region(image, found=True, box=(0, 0, width, height))


def border_region(image: NDArray[np.uint8], border: int) -> Region:
    """The image without its first `border` rows and columns, as the full variant was trained.

    An image no larger than the border is taken whole, with `found` False.
    """
    height, width = image.shape[:2]
    if height <= border or width <= border:
        return _nothing_found(image)
    return Region(image[border:, border:], found=True, box=(border, border, width - border, height - border))


def object_region(image: NDArray[np.uint8], darkest_background: int, bottom: int | None) -> Region:
    """The bounding box of the largest dark object, one pixel inside its outline, as the crop variant was trained.

    Args:
        image: uint8 [H, W, 3], RGB.
        darkest_background: grey values up to and including this one belong to the object (0 to 255).
        bottom: rows from here on are not part of any object (a line of the original camera); None for no such row.

    Returns:
        the object, or the whole image with `found` False where there is no contour or its box is empty.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    mask = np.where(grey <= darkest_background, np.uint8(255), np.uint8(0))
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return _nothing_found(image)
    x, y, width, height = cv2.boundingRect(max(contours, key=cv2.contourArea))
    if bottom is not None and y + height > bottom:
        height = bottom - y
    if width <= 2 or height <= 2:
        return _nothing_found(image)
    box = (x + 1, y + 1, width - 2, height - 2)
    return Region(image[y + 1 : y + height - 1, x + 1 : x + width - 1], found=True, box=box)


def _nothing_found(image: NDArray[np.uint8]) -> Region:
    height, width = image.shape[:2]
    return Region(image, found=False, box=(0, 0, width, height))
