"""Fingerprints of images, which find the same image again.

docs/leakage.md has the measurements that the size of the perceptual hash and its limit were chosen by.
"""

import hashlib
from dataclasses import dataclass

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

HASH_SIDE = 24
HASH_BITS = HASH_SIDE**2
NEAR_LIMIT = 40


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The fingerprint of a decoded image, before any region is cut out.

    Attributes:
        pixels: SHA-256 of shape and values; equal for equal pixels, whatever the file's format.
        perceptual: HASH_BITS bits, eight to a byte: the DCT hash of the imagehash package. Where at most NEAR_LIMIT
            bits differ, two images show the same; a turned or mirrored image is another one.
    """

    pixels: str
    perceptual: bytes


def fingerprint(pixels: NDArray[np.uint8]) -> Fingerprint:
    """The fingerprint of an image, uint8 [H, W, 3], RGB."""
    digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes())
    perceptual = imagehash.phash(Image.fromarray(pixels), HASH_SIDE).hash
    return Fingerprint(digest.hexdigest(), np.packbits(perceptual).tobytes())
