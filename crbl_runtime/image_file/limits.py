"""How large an image may be, and the three things that can be wrong with an image file, worded once."""

from crbl_runtime.errors import ImageError

MAX_PIXELS = 2**27
"""Most pixels an image may have: 134 million, about 11,585 x 11,585."""

MAX_SIDE = 2**20
"""Longest side in pixels."""

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
        raise too_large(name, f"declares {width} x {height} pixels", f"{MAX_PIXELS:,} pixels and {MAX_SIDE:,} a side")


def damaged(name: str, what: str) -> ImageError:
    """The file is cut off or corrupt: `what` is a clause such as 'the JPEG data have no end-of-image marker'."""
    return ImageError(f"{name}: damaged image: {what}. Copy or export the image again.")


def unsupported(name: str, what: str) -> ImageError:
    """The file may be sound, but its kind is one that could only be guessed at: `what` names it."""
    return ImageError(f"{name}: {what} is not supported. Save the image as an 8-bit or 16-bit grey or RGB PNG.")


def too_large(name: str, what: str, limit: str) -> ImageError:
    """The image exceeds a limit that keeps hostile files from taking all memory."""
    return ImageError(f"{name}: {what}, more than the limit of {limit}. Scale or crop the image first.")
