"""The three things that can be wrong with an image file, worded once. Callers raise what these return."""

from crbl_runtime.errors import ImageError

SUPPORTED_FORMATS = "JPEG, PNG, BMP, TIFF and WebP"


def damaged(name: str, what: str) -> ImageError:
    """The file is cut off or corrupt: `what` is a clause such as 'the JPEG data end before the end marker'."""
    return ImageError(f"{name}: damaged image: {what}. Copy or export the image again.")


def unsupported(name: str, what: str) -> ImageError:
    """The file may be sound, but its kind is one that could only be guessed at: `what` names it."""
    return ImageError(f"{name}: {what} is not supported. Save the image as an 8-bit or 16-bit grey or RGB PNG.")


def too_large(name: str, what: str, limit: str) -> ImageError:
    """The image exceeds a limit that keeps hostile files from taking all memory."""
    return ImageError(f"{name}: {what}, more than the limit of {limit}. Scale or crop the image first.")
