"""Pictures that must never change: model files carry the logits that belong to them."""

import hashlib

import numpy as np

from crbl_runtime.self_test import PICTURES, self_test_images


def test_the_pictures_are_these_bytes_on_every_machine() -> None:
    images = self_test_images(128)
    assert images.shape == (PICTURES, 128, 128, 3)
    assert images.dtype == np.uint8
    assert (
        hashlib.sha256(images.tobytes()).hexdigest()
        == "edb393baffa989840da9e57ae8a1a8f362fd14d866ecd13424cc6ef8e1289c28"
    )


def test_the_pictures_differ_and_are_not_flat() -> None:
    images = self_test_images(64).astype(float)
    assert all(image.std() > 20 for image in images)
    assert all(
        np.abs(first - second).mean() > 5 for number, first in enumerate(images) for second in images[number + 1 :]
    )
