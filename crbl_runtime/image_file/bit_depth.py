"""How many of the 16 bits of a sample are in use: cameras store 10, 12 or 14 bits in 16-bit files.

Read as full 16 bits, a 12-bit image becomes 16 times too dark. How many bits they are is never guessed from the
image's own maximum: it is declared by the file, or given by the user, or said to be unclear.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, TiffImagePlugin

from crbl_runtime.counted import counted
from crbl_runtime.errors import ImageValueError
from crbl_runtime.image_file.samples import Samples, without_alpha

UNCLEAR_BELOW = 2**14
"""A 16-bit image that stays below this, and of which nothing else is known, may hold 14 bits or fewer."""

# TIFF 6.0, section 20.
MAX_SAMPLE_VALUE = 281
# The bytes of a chunk's length, and of its length and type.
LENGTH_BYTES, CHUNK_HEAD_BYTES = 4, 8
PNG_SIGNATURE_BYTES = 8


@dataclass(frozen=True)
class DeclaredDepth:
    """How many bits a file says that its samples have.

    Attributes:
        bits: 1 to 16. scaled_up: whether the samples should have been scaled up to all 16 bits.
        by: what of the file says so.
    """

    bits: int
    scaled_up: bool
    by: str


@dataclass(frozen=True)
class UsedBits:
    """Where in a 16-bit sample its value stands.

    Attributes:
        bits: how many bits the value has, 1 to 16. shift: how many lower bits are left out.
        unclear: whether nobody said so, and the image stays below UNCLEAR_BELOW.
        notes: why what the file declares was not believed, a clause.
    """

    bits: int = 16
    shift: int = 0
    unclear: bool = False
    notes: tuple[str, ...] = ()


def declared_depth(image: Image.Image, content: bytes | None) -> DeclaredDepth | None:
    """What a file declares about its 16-bit samples, or None.

    Args:
        image: opened, of a TIFF on the page that is used. content: the file, None for a PIL image.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return _declared_by_tiff(image)
    if image.format == "PNG":
        return _declared_by_png(content) if content is not None else None
    if image.format is None or _fills_16_bits(image, content):
        return None
    # Pillow itself scales what has fewer bits to 16, by the depth that the header declares.
    return DeclaredDepth(16, scaled_up=True, by=image.format)


def used_bits(samples: Samples, declared: DeclaredDepth | None, given: int | None, name: str) -> UsedBits:
    """Where the values of these samples stand.

    Args:
        samples: uint8 or uint16 [H, W] or [H, W, C], with 2 or 4 channels the last of them alpha.
        declared: what the file says. given: what the user says of files that declare nothing.

    Raises:
        ImageValueError: a sample is greater than what the user's number of bits can hold.
    """
    if samples.dtype == np.uint8:
        return UsedBits()
    largest = int(samples.max())
    notes: tuple[str, ...] = ()
    if declared is not None:
        if largest < 2**declared.bits and not (declared.scaled_up and _is_scaled_up(samples, declared.bits)):
            return UsedBits(declared.bits)
        if declared.scaled_up:
            return UsedBits(declared.bits, shift=16 - declared.bits)
        notes = (f"its {declared.by} declares {declared.bits} bits, which cannot hold its value {largest:,}: ignored",)
    if given is None:
        return UsedBits(unclear=int(without_alpha(samples).max()) < UNCLEAR_BELOW, notes=notes)
    if largest >= 2**given:
        raise ImageValueError(
            f"{name}: holds the value {largest:,}, more than the {2**given - 1:,} of the {given} bits that its 16-bit "
            "samples were said to use. Give the bit depth of these images, 16 where they use all."
        )
    return UsedBits(given, notes=notes)


def bits_of_jpeg2000(content: bytes) -> int:
    """The most bits of a component, from the SIZ marker segment. Source: ITU-T T.800, annex A.5.1."""
    siz = content.index(b"\xff\x4f\xff\x51") + 4
    components = int.from_bytes(content[siz + 36 : siz + 38], "big")
    return max((depth & 0x7F) + 1 for depth in content[siz + 38 : siz + 38 + 3 * components : 3])


def unclear_depth_text(images: int) -> str:
    """A sentence about so many images whose bit depth is unclear."""
    stay = counted(images, "image has 16 bits a sample and stays", "images have 16 bits a sample and stay")
    return (
        f"{stay} below {UNCLEAR_BELOW}: if only 10, 12 or 14 of the bits are in use, they are read too dark. "
        "Say how many with --bit-depth; 16 if all are."
    )


def _fills_16_bits(image: Image.Image, content: bytes | None) -> bool:
    """Whether a PPM or JPEG 2000, whose headers must name a depth, names that of the file's own samples: 16 bits."""
    if image.format == "PPM":
        # Pillow scales, by a decoder of its own, what has another largest value than 255 and 65535.
        tile: Any = getattr(image, "tile", None)
        return bool(tile) and tile[0][0] == "raw"
    return image.format == "JPEG2000" and content is not None and bits_of_jpeg2000(content) == 16


def _declared_by_tiff(image: TiffImagePlugin.TiffImageFile) -> DeclaredDepth | None:
    """MaxSampleValue, where it is the largest value of a number of bits and not of this image."""
    value = image.tag_v2.get(MAX_SAMPLE_VALUE)
    values = set(value) if isinstance(value, tuple) else {value}
    largest = values.pop() if len(values) == 1 else None
    if not isinstance(largest, int) or not 0 < largest < 2**16 or largest & (largest + 1):
        return None
    return DeclaredDepth(largest.bit_length(), scaled_up=False, by="MaxSampleValue")


def _declared_by_png(content: bytes) -> DeclaredDepth | None:
    """The chunk sBIT, which must stand before the image data. Source: PNG specification, third edition, 11.3.2.7.

    By that specification the samples are scaled up to 16 bits; many cameras' programs leave them as they are.
    """
    position = PNG_SIGNATURE_BYTES
    while (kind := content[position + LENGTH_BYTES : position + CHUNK_HEAD_BYTES]) not in (b"", b"IDAT", b"IEND"):
        length = int.from_bytes(content[position : position + LENGTH_BYTES], "big")
        start = position + CHUNK_HEAD_BYTES
        if kind == b"sBIT":
            bits = max(content[start : start + length], default=0)
            return DeclaredDepth(bits, scaled_up=True, by="sBIT") if 1 <= bits <= 16 else None
        position = start + length + LENGTH_BYTES  # The chunk's checksum follows its data.
    return None


def _is_scaled_up(samples: Samples, bits: int) -> bool:
    """Whether all samples are values of so many bits, shifted or multiplied up to 16."""
    values = samples.astype(np.uint32) >> (16 - bits)
    largest = 2**bits - 1
    multiplied = (values * np.uint32(2 * 65535) + np.uint32(largest)) // np.uint32(2 * largest)
    return bool(np.array_equal(samples, values << (16 - bits)) or np.array_equal(samples, multiplied))
