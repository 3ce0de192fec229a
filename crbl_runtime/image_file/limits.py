"""How large an image may be. Checked on what the header declares, before any pixel is decoded."""

from crbl_runtime.image_file.fault import damaged, too_large

MAX_PIXELS = 2**27
"""Most pixels an image may have: 134 million, about 11,585 x 11,585."""

MAX_SIDE = 2**20
"""Longest side in pixels; OpenCV's own limit (CV_IO_MAX_IMAGE_WIDTH and _HEIGHT)."""

MAX_FILE_BYTES = 2**30
"""Most bytes an image file may have: one GiB, which holds MAX_PIXELS of uncompressed 16-bit RGBA."""


def check_size(width: int, height: int, name: str) -> None:
    """Refuse an image without pixels or with too many of them.

    Raises:
        ImageError: a side is zero or longer than MAX_SIDE, or there are more than MAX_PIXELS.
    """
    if width < 1 or height < 1:
        raise damaged(name, f"its header declares {width} x {height} pixels")
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        limit = f"{MAX_PIXELS:,} pixels and {MAX_SIDE:,} a side"
        raise too_large(name, f"declares {width} x {height} pixels", limit)
