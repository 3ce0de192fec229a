"""The pictures of a report: WebP, each encoded once, which the data names by their numbers."""

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.report.webp import to_webp


class Pictures:
    """WebP files in the order in which they were added.

    Attributes:
        files: each at most PICTURE_SIDE wide and high.
    """

    def __init__(self) -> None:
        self.files: list[bytes] = []

    def add(self, image: NDArray[np.uint8]) -> int:
        """Encode an image, uint8 [H, W, 3] RGB; its number."""
        self.files.append(to_webp(image))
        return len(self.files) - 1
