"""Image files: one module a format, each checking the whole file before its pixels are believed."""

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.errors import ImageError
from crbl_runtime.image_file import bmp, jpeg, png, tiff, webp
from crbl_runtime.image_file.fault import SUPPORTED_FORMATS


def decode_file(content: bytes, name: str) -> NDArray[np.uint8]:
    """The bytes of an image file -> RGB uint8 [H, W, 3], C-contiguous, upright, on white.

    The format is told by the content, never by the name.

    Args:
        content: the whole file.
        name: what messages call it.

    Raises:
        ImageError: empty, of no supported format, cut off, damaged, too large or of an unsupported kind.
    """
    if not content:
        raise ImageError(f"{name}: empty, there is nothing to decode. Copy or export the image again.")
    if content.startswith(jpeg.SIGNATURE):
        return jpeg.decode(content, name)
    if content.startswith(png.SIGNATURE):
        return png.decode(content, name)
    if content.startswith(tiff.SIGNATURES):
        return tiff.decode(content, name)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return webp.decode(content, name)
    if content.startswith(bmp.SIGNATURE):
        return bmp.decode(content, name)
    raise ImageError(
        f"{name}: not an image of a supported format (it starts with {content[:8]!r}). "
        f"Save it as one of {SUPPORTED_FORMATS}."
    )
