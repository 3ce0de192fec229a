"""Pictures made by formula, the same on every machine, to check a driver against values in the model file."""

import numpy as np
from numpy.typing import NDArray

PICTURES = 4


def self_test_images(image_size: int) -> NDArray[np.uint8]:
    """uint8 [4, image_size, image_size, 3]: a disc on white with stripes, rings, a checkerboard and noise inside.

    Whole-number arithmetic only, so that no mathematical library or random number generator changes a value.
    """
    y, x = np.mgrid[0:image_size, 0:image_size].astype(np.int64)
    distance_squared = (2 * x - image_size + 1) ** 2 + (2 * y - image_size + 1) ** 2
    inside = distance_squared < (image_size * 3 // 4) ** 2 * 2
    noise = ((x * 73856093) ^ (y * 19349663)) * 2654435761 % 4294967296 >> 24
    textures = (
        (x * 512 // image_size + y * 256 // image_size) % 128,
        distance_squared * 64 // image_size**2 * 16 % 160,
        (x * 8 // image_size + y * 8 // image_size) % 2 * 120 + 20,
        noise // 2,
    )
    images = np.empty((PICTURES, image_size, image_size, 3), dtype=np.uint8)
    for number, texture in enumerate(textures):
        for channel in range(3):
            shade = np.clip(texture + 12 * channel + 10 * number, 0, 255)
            images[number, :, :, channel] = np.where(inside, shade, 245 - 3 * channel)
    return images
