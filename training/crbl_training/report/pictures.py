"""The pictures of a report: WebP, each encoded once, which the data names by their numbers."""

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 160
QUALITY = 90


class Pictures:
    """WebP files in the order in which they were added.

    Attributes:
        files: each at most 160 px wide and high.
    """

    def __init__(self) -> None:
        self.files: list[bytes] = []

    def add(self, image: NDArray[np.uint8]) -> int:
        """Encode an image, uint8 [H, W, 3] RGB; its number."""
        self.files.append(_webp(image))
        return len(self.files) - 1


def _webp(image: NDArray[np.uint8]) -> bytes:
    scale = SIDE / max(image.shape[:2])
    if scale < 1:
        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    _, encoded = cv2.imencode(".webp", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    return encoded.tobytes()
