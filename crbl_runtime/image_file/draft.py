"""Large JPEGs decoded at a half, a quarter or an eighth of their size, which libjpeg does in a part of the time."""

from PIL import Image, JpegImagePlugin

from crbl_runtime.image_file.decode_options import DraftLimits

SCALES = (8, 4, 2)


def draft_scale(image: Image.Image, limits: DraftLimits | None) -> int:
    """What the size of an opened image is to be divided by: 8, 4, 2, or 1 for no draft.

    Only what divides both sides and the border, so that a pixel of the draft is a square of whole pixels, and the
    border a whole number of its rows.
    """
    if limits is None or not isinstance(image, JpegImagePlugin.JpegImageFile) or image.decoderconfig:
        return 1  # The last: a PIL image whose owner has called draft already.
    for scale in SCALES:
        exact = all(length % scale == 0 for length in (image.width, image.height, limits.border))
        if exact and (min(image.size) - limits.border) // scale >= limits.smallest_side:
            return scale
    return 1


def draft_notes(scale: int) -> tuple[str, ...]:
    """What is said about an image whose size was divided by this: a clause, or none for 1."""
    return (f"decoded at 1/{scale} of its size (fast_decode)",) if scale > 1 else ()


def make_draft(image: Image.Image, scale: int) -> None:
    """Let an opened JPEG be loaded at a part of its size, which `scale` divides."""
    if scale > 1:
        image.draft(None, (image.width // scale, image.height // scale))
