"""Images made by formula, the same on every machine, to check a driver against values in the model file."""

import numpy as np
from numpy.typing import NDArray

IMAGES = 4


def self_test_images(image_size: int) -> NDArray[np.uint8]:
    """uint8 [4, image_size, image_size, 3]: a mottled grain on a light ground, each mottled more finely than the last.

    Whole-number arithmetic only, so that no mathematical library or random number generator changes a value. Smooth
    like photographs: on hard edges and exact symmetries the logit is far more sensitive to rounding than on real
    images, and a bound that allows for that would let a wrong driver pass.
    """
    y, x = np.mgrid[0:image_size, 0:image_size].astype(np.int64)
    unit = image_size * 16
    across, along = (2 * x - image_size) * 16 - unit // 9, (2 * y - image_size) * 16 + unit // 13
    distance = across * across * 5 // 4 + along * along + across * along // 3
    images = np.empty((IMAGES, image_size, image_size, 3), dtype=np.uint8)
    for number in range(IMAGES):
        inside = distance < (unit * (11 + number) // 18) ** 2
        for channel in range(3):
            coarse = _mottle(x, y, max(image_size // (4 + 3 * number), 2), seed=number)
            fine = _mottle(x, y, max(image_size // 40, 2), seed=number + 10 * channel + 100)
            grain = 35 + 12 * channel + coarse * 90 // 255 + fine * 30 // 255
            ground = 228 + fine * 18 // 255 - 2 * channel
            images[number, :, :, channel] = np.where(inside, grain, ground)
    return images


def _mottle(x: NDArray[np.int64], y: NDArray[np.int64], spacing: int, seed: int) -> NDArray[np.int64]:
    """0 to 255: pseudo-random values on a lattice, interpolated between its points."""
    column, row, right, down = x // spacing, y // spacing, x % spacing, y % spacing
    top = _hash(column, row, seed) * (spacing - right) + _hash(column + 1, row, seed) * right
    bottom = _hash(column, row + 1, seed) * (spacing - right) + _hash(column + 1, row + 1, seed) * right
    blended = top * (spacing - down) + bottom * down
    return (blended // (spacing * spacing)).astype(np.int64)


def _hash(column: NDArray[np.int64], row: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    mixed = (column * 73856093 ^ row * 19349663 ^ seed * 83492791) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 15)) * 739982445) & 0xFFFFFFFF
    return (mixed ^ (mixed >> 12)) >> 8 & 0xFF
