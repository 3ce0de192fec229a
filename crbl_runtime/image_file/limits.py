"""How large an image may be, and the three things that can be wrong with an image file, worded once."""

from crbl_runtime.errors import ImageDamagedError, ImageKindError, ImageTooLargeError

MAX_PIXELS = 2**27
"""Most pixels an image may have unless another limit is given: 134 million, about 11,585 x 11,585."""

MAX_SIDE = 2**20
"""Longest side in pixels."""

MAX_FILE_BYTES = 2**30
"""Most bytes an image file may have: one GiB, which holds MAX_PIXELS of uncompressed 16-bit RGBA."""


def check_size(width: int, height: int, name: str, max_pixels: int) -> None:
    """Refuse an image without pixels or with too many of them.

    Raises:
        ImageDamagedError: a side is zero.
        ImageTooLargeError: a side is longer than MAX_SIDE, or there are more than `max_pixels`.
    """
    if width < 1 or height < 1:
        raise damaged(name, f"its header declares {width} x {height} pixels")
    if width * height > max_pixels or max(width, height) > MAX_SIDE:
        raise too_large(name, f"declares {width} x {height} pixels", f"{max_pixels:,} pixels and {MAX_SIDE:,} a side")


def damaged(name: str, what: str) -> ImageDamagedError:
    """The file is cut off or corrupt: `what` is a clause such as 'the JPEG data have no end-of-image marker'."""
    return ImageDamagedError(f"{name}: damaged image: {what}. Copy or export the image again.")


def unsupported(name: str, what: str) -> ImageKindError:
    """The file may be sound, but its kind is one that could only be guessed at: `what` names it."""
    return ImageKindError(f"{name}: {what} is not supported. Save the image as an 8-bit or 16-bit grey or RGB PNG.")


def too_large(name: str, what: str, limit: str) -> ImageTooLargeError:
    """The image exceeds a limit that keeps hostile files from taking all memory."""
    return ImageTooLargeError(f"{name}: {what}, more than the limit of {limit}. Scale or crop the image first.")
