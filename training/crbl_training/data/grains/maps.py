"""Arithmetic of maps: float [h, w] on a grid that is finer than the image."""

from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.floating[Any]]
Random = np.random.Generator

# Drawn twice as fine as the image and then averaged, which gives edges a camera's softness.
OVERSAMPLING = 2


def noise(shape: tuple[int, ...], grain_size: float, random: Random) -> Field:
    """Smooth noise of mean 0 and standard deviation 1 whose spots are about `grain_size` image pixels wide."""
    cell = grain_size * OVERSAMPLING
    rows, columns = (max(4, int(np.ceil(side / cell)) + 1) for side in shape[:2])
    lattice = random.standard_normal((rows, columns), np.float32)
    field = cast(Field, cv2.resize(lattice, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC))
    normalized: Field = (field - field.mean()) / field.std()
    return normalized


def soften(field: Field, sigma: float) -> Field:
    """Gaussian blur; `sigma` in image pixels."""
    return cast(Field, cv2.GaussianBlur(field, (0, 0), sigma * OVERSAMPLING))


def step(distance: Field, softness: float) -> Field:
    """0 to 1 as `distance` (image pixels, positive inside) passes from -softness to +softness."""
    inside: Field = np.clip(distance / (2 * softness) + 0.5, 0, 1).astype(np.float32)
    return inside


def mix(under: Field, over: Field, mask: Field) -> Field:
    """`over` [h, w, 3] or [3] where `mask` is 1, `under` [h, w, 3] where it is 0, and in proportion between."""
    return under + (np.asarray(over, np.float32) - under) * np.asarray(mask, np.float32)[..., None]
