"""An image as pixels, with what was found out about it on the way."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.compared_by_value import ComparedByValue


@dataclass(frozen=True, eq=False)
class DecodedImage(ComparedByValue):
    """An image as pixels.

    Attributes:
        pixels: RGB uint8 [H, W, 3], values 0 to 255, C-contiguous, in memory of its own.
        notes: what of the file has no part in the pixels, one clause each, such as "its ICC profile was ignored".
        bit_depth_unclear: whether these are 16-bit samples of which nobody said how many bits they use, and all are
            below 16384: they may be of 10, 12 or 14 bits, and then the pixels are too dark.
        draft_scale: how many rows and columns of the image one of these stands for: 1, or 2, 4 or 8 where a large JPEG
            was decoded as a draft.
    """

    pixels: NDArray[np.uint8]
    notes: tuple[str, ...] = ()
    bit_depth_unclear: bool = False
    draft_scale: int = 1
