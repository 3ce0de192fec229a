"""What a caller may say about how an image file is to be decoded."""

from dataclasses import dataclass

from crbl_runtime.image_file.limits import MAX_PIXELS


@dataclass(frozen=True)
class DraftLimits:
    """How far the size of a JPEG may be divided.

    Attributes:
        smallest_side: no side may be shorter afterwards, without the border, in pixels.
        border: rows and columns at the top and the left that are cut off afterwards, in pixels of the whole image.
    """

    smallest_side: int
    border: int = 0


@dataclass(frozen=True)
class DecodeOptions:
    """How an image file is to be decoded.

    Attributes:
        bit_depth: how many bits the samples of a 16-bit file use that does not declare it, 1 to 16; None if that is
            not known.
        max_pixels: most pixels the file may declare, see `limits.check_size`.
        draft: how far the size of a JPEG may be divided while it is decoded, None for not at all.
    """

    bit_depth: int | None = None
    max_pixels: int = MAX_PIXELS
    draft: DraftLimits | None = None
