"""A small picture of an image, for a page."""

from dataclasses import dataclass
from pathlib import Path

from crbl_runtime.image import decode_image
from crbl_runtime.image_file.decode_options import DraftLimits
from crbl_runtime.report.webp import PICTURE_SIDE, to_webp


@dataclass(frozen=True)
class Picture:
    """A file for browsers, and the (width, height) in pixels of the image that it is a reduced copy of."""

    webp: bytes
    size: tuple[int, int]


def picture_of_file(path: Path, bit_depth: int | None) -> Picture:
    """The picture of an image file.

    Args:
        bit_depth: see `decode_image`.

    Raises:
        ImageError: the file cannot be decoded.
    """
    # A draft of a large JPEG is decoded in a part of the time, and a person sees no difference.
    decoded = decode_image(path, bit_depth, draft=DraftLimits(PICTURE_SIDE))
    height, width = decoded.pixels.shape[:2]
    return Picture(to_webp(decoded.pixels), (width * decoded.draft_scale, height * decoded.draft_scale))
