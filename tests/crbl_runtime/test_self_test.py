"""Images that must never change: model files carry the logits that belong to them."""

import hashlib

import numpy as np

from crbl_runtime.self_test import IMAGES, self_test_images


def test_the_images_are_these_bytes_on_every_machine() -> None:
    images = self_test_images(128)
    assert images.shape == (IMAGES, 128, 128, 3)
    assert images.dtype == np.uint8
    assert (
        hashlib.sha256(images.tobytes()).hexdigest()
        == "705bfd65ae2a64330ba30af1f6c9e107ad220ce7a92d5cdf1b81ddc99b035755"
    )


def test_the_images_differ_and_are_not_flat() -> None:
    images = self_test_images(64).astype(float)
    assert all(image.std() > 20 for image in images)
    assert all(
        np.abs(first - second).mean() > 5 for number, first in enumerate(images) for second in images[number + 1 :]
    )
