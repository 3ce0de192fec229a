"""The three things that can be wrong with a picture file, worded once. Callers raise what these return."""

from crbl_runtime.errors import PictureError

SUPPORTED_FORMATS = "JPEG, PNG, BMP, TIFF and WebP"


def damaged(name: str, what: str) -> PictureError:
    """The file is cut off or corrupt: `what` is a clause such as 'the JPEG data end before the end marker'."""
    return PictureError(f"{name}: damaged picture: {what}. Copy or export the picture again.")


def unsupported(name: str, what: str) -> PictureError:
    """The file may be sound, but its kind is one that could only be guessed at: `what` names it."""
    return PictureError(f"{name}: {what} is not supported. Save the picture as an 8-bit or 16-bit grey or RGB PNG.")


def too_large(name: str, what: str, limit: str) -> PictureError:
    """The picture exceeds a limit that keeps hostile files from taking all memory."""
    return PictureError(f"{name}: {what}, more than the limit of {limit}. Scale or crop the picture first.")
