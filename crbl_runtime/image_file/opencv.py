"""OpenCV's decoders, with every way in which they fail turned into one error."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from crbl_runtime.errors import ImageError
from crbl_runtime.image_file.fault import damaged
from crbl_runtime.image_file.rgb import Samples


def decode_samples(content: bytes, width: int, height: int, name: str) -> Samples:
    """Decode a complete file from memory, as stored: no scaling, and no EXIF orientation (TIFF's is applied).

    Args:
        content: the file. Its header must have been checked already.
        width: pixels a row the header declares, after TIFF's orientation.
        height: rows, likewise.
        name: the image's name for messages.

    Returns:
        [H, W] grey, [H, W, 3] RGB or [H, W, 4] RGBA, uint8 or uint16.

    Raises:
        ImageError: OpenCV cannot decode it, or gives another size or type than the header declares.
    """
    try:
        decoded: Any = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise _undecodable(name) from error
    if decoded is None:
        raise _undecodable(name)
    if decoded.shape[:2] != (height, width) or decoded.dtype not in (np.uint8, np.uint16):
        given = f"{decoded.shape[1]} x {decoded.shape[0]} {decoded.dtype}"
        raise damaged(name, f"it declares {width} x {height} pixels and decodes to {given}")
    return _bgr_to_rgb(decoded)


def _undecodable(name: str) -> ImageError:
    # The header has been found sound by now, and OpenCV does not decode all that is: 5.0 refuses TIFF tiles of 16 x 16.
    return ImageError(
        f"{name}: OpenCV {cv2.__version__} cannot decode it: it is damaged or of a rare kind. Export it again, as PNG."
    )


def _bgr_to_rgb(decoded: NDArray[Any]) -> NDArray[Any]:
    if decoded.ndim == 2:
        return decoded
    return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB if decoded.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)
