"""One augmented view of an image: its drawn parameters, and the image as they say.

Same parameters, same bits, as far as possible: the geometry is computed in whole numbers, 32nds of a pixel and 1,024ths
of a value. cv2.warpAffine would differ by several grey levels between OpenCV 4 and 5.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# Of a grey value, ITU-R BT.601, as torchvision's contrast has it.
LUMINANCE = (0.2989, 0.587, 0.114)
BLUR_KERNEL = (5, 5)
# Positions are summed in units of 1/1024 pixel and rounded to 1/32, the unit of cv2.remap's tables.
_UNIT, _ROUNDED_BITS, _CELL_BITS = 1024, 5, 5
# What a byte stands for as normal noise: the middles of 256 equally likely parts, scaled to a deviation of 1.
_QUANTILES = np.array([NormalDist().inv_cdf((byte + 0.5) / 256) for byte in range(256)])
_NORMAL = _QUANTILES / _QUANTILES.std()


@dataclass(frozen=True)
class DrawnView:
    """How a view differs from its image, in the order in which that is done.

    Attributes:
        quarter_turns: 0 to 3, by 90 degrees. mirrored: left to right, after the turn. scale: above 1 enlarges.
        rotation: degrees. shift: right and down, as shares of the width and the height.
        contrast: factor of the distance from the view's mean grey. brightness: factor of all values after that.
        blur: sigma of a Gaussian in pixels, 0 for none. noise: deviation of normal noise as a share of the full range,
            0 for none; its values are whole grey levels up to 2.9 deviations, drawn from noise_seed, 0 to 2^64 - 1.
    """

    quarter_turns: int
    mirrored: bool
    scale: float
    rotation: float
    shift: tuple[float, float]
    contrast: float
    brightness: float
    blur: float
    noise: float
    noise_seed: int


def render_view(image: NDArray[np.uint8], view: DrawnView) -> NDArray[np.uint8]:
    """The view of an image: uint8 [H, W, 3], RGB -> uint8 [H, W, 3]; what lies beyond an edge repeats the edge."""
    cells, fractions = _sampled_positions(image.shape[0], image.shape[1], view)
    pixels: Any = cv2.remap(image, cells, fractions, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if (view.contrast, view.brightness) != (1.0, 1.0):
        pixels = cv2.LUT(pixels, _colour_table(pixels, view))
    if view.blur:
        pixels = cv2.GaussianBlur(pixels, BLUR_KERNEL, view.blur)
    if view.noise:
        pixels = cv2.add(pixels, _noise(pixels.shape, view), dtype=cv2.CV_8U)
    rendered: NDArray[np.uint8] = pixels
    return rendered


def _sampled_positions(height: int, width: int, view: DrawnView) -> tuple[NDArray[np.int16], NDArray[np.uint16]]:
    """Where in the image each of the view's pixels is looked up, as cv2.remap takes it: cells and 32nds of a cell."""
    (from_x, from_y), (to_x, to_y) = _linear_part(view)
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    x = np.arange(width) - middle_x - view.shift[0] * width
    y = np.arange(height) - middle_y - view.shift[1] * height
    columns = _in_32nds(from_x * x, from_y * y + middle_x)
    rows = _in_32nds(to_x * x, to_y * y + middle_y)
    cells = np.empty((height, width, 2), np.int16)
    cells[..., 0], cells[..., 1] = columns >> _CELL_BITS, rows >> _CELL_BITS
    within = (1 << _CELL_BITS) - 1
    return cells, ((rows & within) << _CELL_BITS | (columns & within)).astype(np.uint16)


def _in_32nds(of_column: NDArray[np.floating], of_row: NDArray[np.floating]) -> NDArray[np.int32]:
    """The sum of what a column and a row contribute to a position: float [W], float [H] -> int32 [H, W]."""
    half = 1 << (_ROUNDED_BITS - 1)
    across = np.rint(of_column * _UNIT).astype(np.int32)
    down = np.rint(of_row * _UNIT).astype(np.int32) + half
    positions: NDArray[np.int32] = (across[None, :] + down[:, None]) >> _ROUNDED_BITS
    return positions


def _linear_part(view: DrawnView) -> tuple[tuple[float, float], tuple[float, float]]:
    """The matrix that takes a direction in the view to the direction in the image."""
    angle = math.radians(view.rotation)
    cosine, sine = math.cos(angle) / view.scale, math.sin(angle) / view.scale
    back = (cosine, sine), (-sine, cosine)
    if view.mirrored:
        back = (-cosine, -sine), back[1]
    for _ in range(view.quarter_turns):
        back = (-back[1][0], -back[1][1]), back[0]
    return back


def _colour_table(pixels: NDArray[np.uint8], view: DrawnView) -> NDArray[np.uint8]:
    """What each of the 256 values becomes."""
    grey = sum(weight * mean for weight, mean in zip(LUMINANCE, cv2.mean(pixels), strict=False))
    values = view.brightness * (grey + view.contrast * (np.arange(256) - grey))
    table: NDArray[np.uint8] = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return table


def _noise(shape: tuple[int, ...], view: DrawnView) -> NDArray[np.int16]:
    """Normal noise in grey levels."""
    count = math.prod(shape)
    numbers = np.random.PCG64(view.noise_seed).random_raw(-(-count // 8)).astype("<u8", copy=False)
    levels = np.rint(_NORMAL * (255 * view.noise)).astype(np.int16)
    return cv2.LUT(numbers.view(np.uint8)[:count].reshape(shape), levels).astype(np.int16, copy=False)
