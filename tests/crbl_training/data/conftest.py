"""What tests of datasets share."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from crbl_training.data.dataset import LabelledImage


@pytest.fixture
def images(tmp_path: Path) -> list[LabelledImage]:
    """Eight images of a dark object on white, and a ninth with none."""
    random = np.random.default_rng(0)
    images = []
    for number in range(9):
        pixels = np.full((70, 80, 3), 250, np.uint8)
        if number < 8:
            pixels[20 : 40 + number, 30:60] = random.integers(0, 120, (20 + number, 30, 3))
        path = tmp_path / "images" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        assert cv2.imwrite(str(path), pixels)
        images.append(LabelledImage(path, number % 2))
    return images
