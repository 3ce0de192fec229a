"""Files whose rows are not all there, or not all certain, and of which Pillow says nothing."""

import io

import numpy as np
from PIL import Image, ImageFile, TiffImagePlugin

from crbl_runtime.image_file.bit_depth import bits_of_jpeg2000
from crbl_runtime.image_file.draft import make_draft
from crbl_runtime.image_file.jpeg_stream import end_of_jpeg
from crbl_runtime.image_file.limits import damaged, unsupported
from crbl_runtime.image_file.tiff_rows import check_kind, check_rows

# Put before a JPEG's end marker, these are skipped where all rows are there, and become pixels where rows are missing.
# The first of them is 0, so that a byte 0xFF before it stays one of the data.
NOISE = bytes(97 * index % 251 for index in range(64))
END_OF_IMAGE = b"\xff\xd9"
FILLER = NOISE + b"".join(b"\xff" + bytes([restart]) + NOISE for restart in range(0xD0, 0xD8))
WHITE: dict[str, int | tuple[int, ...]] = {
    "LA": (255, 255),
    "RGB": (255, 255, 255),
    "RGBA": (255, 255, 255, 255),
    "I;16": 65535,
}


def check_before_decoding(image: ImageFile.ImageFile, content: bytes, name: str, max_pixels: int) -> None:
    """Check, before any pixel is decoded, what the decoder of this format keeps silent about.

    Raises:
        ImageError: data are missing, or the file is of a kind whose values would be guessed at.
    """
    if image.format == "PNG":
        Image.open(io.BytesIO(content), formats=["PNG"]).verify()
    elif image.format in ("JPEG", "MPO"):
        end_of_jpeg(content, name)
    elif isinstance(image, TiffImagePlugin.TiffImageFile):
        check_kind(image.tag_v2, name)
        check_rows(image.tag_v2, content, name, max_pixels)
    elif image.format == "JPEG2000" and image.mode != "I;16" and bits_of_jpeg2000(content) > 8:
        raise unsupported(name, "JPEG 2000 in colour with more than 8 bits")


def check_after_decoding(image: ImageFile.ImageFile, content: bytes, name: str, scale: int) -> None:
    """Check, after decoding, that no row was made up.

    Args:
        scale: what the size of a JPEG was divided by, 1 where it was not.

    Raises:
        ImageError: the data end before the last row.
    """
    if image.format == "PNG" and (image.info.get("interlace") or _ends_in_zeros(image)):
        _require_equal(image, _loaded_over_white(content), name)
    elif image.format in ("JPEG", "MPO") and _ends_in_mid_grey(image):
        data = content[: end_of_jpeg(content, name)]
        again = Image.open(io.BytesIO(data + FILLER + END_OF_IMAGE))
        make_draft(again, scale)
        _require_equal(image, again, name)


def _require_equal(image: Image.Image, again: Image.Image, name: str) -> None:
    if not np.array_equal(np.asarray(image), np.asarray(again)):
        raise damaged(name, "its data end before the last row")


def _ends_in_zeros(image: Image.Image) -> bool:
    return not np.asarray(image.crop((0, image.height - 1, image.width, image.height))).any()


def _loaded_over_white(content: bytes) -> Image.Image:
    """A PNG decoded into memory of ones. Where data are missing, Pillow leaves the rows as it found them: zeros."""
    again = Image.open(io.BytesIO(content), formats=["PNG"])
    again.im = Image.new(again.mode, again.size, WHITE.get(again.mode, 255)).im
    again.load()
    return again


def _ends_in_mid_grey(image: Image.Image) -> bool:
    """Whether a JPEG's last pixel is as bright as what libjpeg fills missing rows with; colour may bleed into it."""
    corner = image.crop((image.width - 1, image.height - 1, image.width, image.height))
    last = corner.getchannel("K") if image.mode == "CMYK" else corner.convert("L")
    return 126 <= int(np.asarray(last)[0, 0]) <= 130
