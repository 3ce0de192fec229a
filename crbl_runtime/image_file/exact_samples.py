"""All bits of the samples in a file that Pillow would round: 16-bit colour and premultiplied alpha."""

import io
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from crbl_runtime.image_file.samples import Samples

PREMULTIPLIED = "RGBa"
OTHER_ORDER = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}


def exact_rawmodes(image: ImageFile.ImageFile) -> tuple[str, ...]:
    """How the samples must be unpacked where Pillow would lose bits of them; empty where it does not.

    Pillow keeps the upper 8 of 16 bits of colour; the opposite byte order gives the lower ones. Premultiplied TIFF
    colour it divides by alpha, which is not needed to composite it on white.

    Args:
        image: opened and not yet loaded.

    Returns:
        Pillow's own name for how it unpacks the file, then those for the upper and for the lower bytes, or one name
        that gives all.
    """
    if image.format not in ("PNG", "TIFF") or not image.tile:
        return ()
    arguments: Any = image.tile[0][3]
    own = arguments if isinstance(arguments, str) else arguments[0]
    kind, _, order = own.partition(";16")
    stored = "RGBA" if kind == PREMULTIPLIED else kind
    if kind == "LA" and order:
        return (own, "RGBA")
    if kind in ("RGB", "RGBX", "RGBA", PREMULTIPLIED) and order:
        return (own, f"{stored};16{order}", f"{stored};16{OTHER_ORDER[order]}")
    return (own, stored) if kind == PREMULTIPLIED else ()


def exact_samples(image: Image.Image, content: bytes, rawmodes: tuple[str, ...]) -> Samples:
    """The samples of a file, uint8 or uint16: [H, W, 3] or [H, W, 4], [H, W, 2] for grey with alpha.

    Args:
        image: the file as Pillow has loaded it.
        content: the file, which is decoded again for each other way of unpacking it.
        rawmodes: what `exact_rawmodes` gave.
    """
    own, *wanted = rawmodes
    page = image.tell()
    planes = [np.array(image) if rawmode == own else _unpacked(content, rawmode, page) for rawmode in wanted]
    if own.startswith("LA"):
        return planes[0].view(">u2").astype(np.uint16)
    if len(planes) == 1:
        return planes[0]
    return planes[0] * np.uint16(256) + planes[1]


def _unpacked(content: bytes, rawmode: str, page: int) -> NDArray[np.uint8]:
    image = Image.open(io.BytesIO(content), formats=["PNG", "TIFF"])
    image.seek(page)
    tiles: Any = image.tile
    image.tile = [
        tile._replace(args=rawmode if isinstance(tile.args, str) else (rawmode, *tile.args[1:])) for tile in tiles
    ]
    return np.array(image)
