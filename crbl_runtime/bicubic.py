"""Bicubic resizing with the same result on every machine.

On uint8 OpenCV computes INTER_CUBIC with Intel's IPP in some builds and in fixed point in others: 3 to 5 % of all
values differ by 1. In float64 its builds for x86 agree, but compilers for ARM fuse multiplications with additions, and
a few values in a million differ again; besides, the whole image is needed as float64, eight times its size. Here the
same arithmetic stands in NumPy, which rounds after each operation on any processor, for the pixels that are needed
alone. Its values are those of `cv2.resize` in float64 on x86, bit for bit.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.compared_by_value import ComparedByValue

# Of the cubic kernel; OpenCV's value (modules/imgproc/src/resize.cpp, interpolateCubic).
A = np.float32(-0.75)
ONE = np.float32(1)
TAPS = 4


@dataclass(frozen=True, eq=False)
class Taps(ComparedByValue):
    """Where along one side each new value comes from.

    Attributes:
        needed: the old positions that are used, sorted, int [n].
        index: for each new position its four old ones, as indices into `needed`, int [4, size].
        weights: what these are multiplied by, float64 [4, size, 1].
    """

    needed: NDArray[np.intp]
    index: NDArray[np.intp]
    weights: NDArray[np.float64]


def resize_bicubic(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """uint8 [h, w, channels] -> uint8 [size, size, channels], without smoothing before it shrinks.

    Computed in float64 and rounded once, halves up.
    """
    height, width, channels = pixels.shape
    rows, columns = _taps(height, size), _taps(width, size)
    needed = pixels[rows.needed][:, columns.needed]
    across = _weighted(_columns_first(needed).astype(np.float64), columns).reshape(size, len(rows.needed), channels)
    down = _weighted(_columns_first(across), rows).reshape(size, size, channels)
    down += 0.5
    np.floor(down, out=down)
    return np.asarray(np.clip(down, 0, 255, out=down), dtype=np.uint8)


@lru_cache(maxsize=64)
def _taps(length: int, size: int) -> Taps:
    """From `length` values to `size` values; at the ends the last one is repeated."""
    scale = 1.0 / (size / length)
    position = ((np.arange(size) + 0.5) * scale - 0.5).astype(np.float32)
    before = np.floor(position)
    offsets = before.astype(np.intp) + np.arange(-1, 3)[:, None]
    needed, index = np.unique(np.clip(offsets, 0, length - 1), return_inverse=True)
    weights = _cubic_weights(position - before).astype(np.float64)
    return Taps(needed, index.reshape(TAPS, size), weights[:, :, None])


def _cubic_weights(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights of the four neighbours, float32 [4, n], for positions 0 <= x < 1 after the second one."""
    y = ONE - x
    first = ((A * (x + ONE) - 5 * A) * (x + ONE) + 8 * A) * (x + ONE) - 4 * A
    second = ((A + 2) * x - (A + 3)) * x * x + ONE
    third = ((A + 2) * y - (A + 3)) * y * y + ONE
    return np.stack([first, second, third, ONE - first - second - third])


def _columns_first(values: NDArray[Any]) -> NDArray[Any]:
    """[h, w, channels] -> [w, h * channels], in one piece of memory, so that whole columns are gathered."""
    return np.ascontiguousarray(values.swapaxes(0, 1)).reshape(values.shape[1], -1)


def _weighted(values: NDArray[np.float64], taps: Taps) -> NDArray[np.float64]:
    """[n, m] -> [size, m]; the four products are added up in order."""
    total: NDArray[np.float64] = values.take(taps.index[0], axis=0)
    total *= taps.weights[0]
    product = np.empty_like(total)
    for index, weights in zip(taps.index[1:], taps.weights[1:], strict=True):
        values.take(index, axis=0, out=product, mode="clip")  # Every other mode makes a copy first.
        product *= weights
        total += product
    return total
