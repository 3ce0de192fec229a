"""From the samples an image holds to RGB uint8: bit depth, grey, alpha and orientation."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.uint8] | NDArray[np.uint16]


def to_8_bit(samples: Samples, bits: int = 16, shift: int = 0) -> NDArray[np.uint8]:
    """Samples uint8 or uint16 of any shape -> uint8; the largest value of 16-bit samples becomes 255.

    Rounded to nearest, v * 255 / (2**bits - 1); both numbers are odd, so there are no ties.

    Args:
        bits: how many bits the values of 16-bit samples have, 1 to 16; none may be greater than they can hold.
        shift: how many bits stand below them.
    """
    if samples.dtype == np.uint8:
        return samples.view(np.uint8)
    largest = np.uint32(2**bits - 1)
    values = samples.astype(np.uint32) >> np.uint32(shift)
    return ((values * np.uint32(510) + largest) // (np.uint32(2) * largest)).astype(np.uint8)


def without_alpha(samples: NDArray[Any]) -> NDArray[Any]:
    """The colour or grey of samples [H, W] or [H, W, C]; with 2 or 4 channels the last of them is alpha."""
    return samples[..., :-1] if samples.ndim == 3 and samples.shape[2] in (2, 4) else samples


def flatten(samples: NDArray[np.uint8], *, premultiplied: bool = False) -> NDArray[np.uint8]:
    """Samples uint8 [H, W] or [H, W, C] -> RGB uint8 [H, W, 3].

    C = 1 is grey, 2 grey and alpha, 3 RGB, 4 RGBA. Alpha is composited on white, in integers, rounded to nearest.
    Premultiplied colour above its alpha is not a possible value and saturates at white.
    """
    channels = samples if samples.ndim == 3 else samples[..., np.newaxis]
    colour = without_alpha(channels)
    if colour.shape != channels.shape:
        alpha = channels[..., -1:].astype(np.uint16)
        weighted = colour.astype(np.uint16) if premultiplied else (colour * alpha + 127) // 255
        colour = np.minimum(weighted + (255 - alpha), 255).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(colour, 3, axis=2) if colour.shape[2] == 1 else colour)


def upright(rgb: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turn an image as its EXIF orientation, 1 to 8, says (EXIF 2.32, tag 0x0112).

    5 to 8 exchange height and width.
    """
    turned: NDArray[Any] = rgb.transpose(1, 0, 2) if orientation >= 5 else rgb
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    return np.ascontiguousarray(turned)
