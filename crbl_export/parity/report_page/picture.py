"""A compared image, small enough that a page can carry many."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crbl_runtime.preprocessing import PreprocessingSpec, decode_for

LONGEST_SIDE = 160
QUALITY = 80


def picture(content: bytes | NDArray[np.uint8], spec: PreprocessingSpec) -> bytes:
    """The whole image as it is decoded, as a WebP file whose sides have 160 pixels at most.

    Args:
        content: of an image file that can be decoded, or uint8 [H, W, 3] RGB.
    """
    shown = Image.fromarray(decode_for(content, spec).pixels)
    shown.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    file = io.BytesIO()
    shown.save(file, "WEBP", quality=QUALITY)
    return file.getvalue()
