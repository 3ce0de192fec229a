"""A small picture of an image, for a page."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from crbl_runtime.image import decode_image
from crbl_runtime.image_file.decode_options import DraftLimits

# The longer side in pixels. 5,000 pictures of this size take some 20 MB.
PICTURE_SIDE = 160
WEBP_QUALITY = 80


@dataclass(frozen=True)
class Picture:
    """A file for browsers, and the (width, height) in pixels of the image that it is a reduced copy of."""

    webp: bytes
    size: tuple[int, int]


def picture_of_file(path: Path, bit_depth: int | None) -> Picture:
    """The picture of an image file.

    Args:
        bit_depth: see `decode_image`.

    Raises:
        ImageError: the file cannot be decoded.
    """
    # A draft of a large JPEG is decoded in a part of the time, and a person sees no difference.
    decoded = decode_image(path, bit_depth, draft=DraftLimits(PICTURE_SIDE))
    height, width = decoded.pixels.shape[:2]
    return Picture(to_webp(decoded.pixels), (width * decoded.draft_scale, height * decoded.draft_scale))


def to_webp(pixels: NDArray[np.uint8]) -> bytes:
    """RGB uint8 [H, W, 3] as a WebP file, reduced to a longer side of `PICTURE_SIDE` where it is larger."""
    height, width = pixels.shape[:2]
    scale = min(1.0, PICTURE_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    reduced = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
    _, encoded = cv2.imencode(
        ".webp", cv2.cvtColor(reduced, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY]
    )
    return encoded.tobytes()
