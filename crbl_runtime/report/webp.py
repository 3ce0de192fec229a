"""Images as small files that browsers show."""

import cv2
import numpy as np
from numpy.typing import NDArray

# The longer side in pixels. 5,000 pictures of this size take some 20 MB.
PICTURE_SIDE = 160
WEBP_QUALITY = 80


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
