"""Any image a user may hand over -> RGB uint8. The same image gives the same bits, however it comes."""

import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from numbers import Real
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crbl_runtime.errors import ImageKindError, ImageReadError, UsageError
from crbl_runtime.image_array import HasArray, HasArrayInterface, decode_array, is_array
from crbl_runtime.image_file.decode_options import DecodeOptions, DraftLimits
from crbl_runtime.image_file.decoded_image import DecodedImage
from crbl_runtime.image_file.limits import MAX_FILE_BYTES, MAX_PIXELS, too_large
from crbl_runtime.options import CHANNEL_ORDERS
from crbl_runtime.path_length import readable_path, too_long

__all__ = ["MAX_FILE_BYTES", "MAX_PIXELS", "DecodedImage", "ImageInput", "decode", "decode_image", "describe"]

ImageInput: TypeAlias = (
    str
    | os.PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | BinaryIO
    | NDArray[Any]
    | Image.Image
    | HasArrayInterface
    | HasArray
)

READ_BYTES = 2**20


def decode(
    image: ImageInput,
    bit_depth: int | None = None,
    *,
    channel_order: str = "rgb",
    scale: float | None = None,
    max_pixels: int = MAX_PIXELS,
) -> NDArray[np.uint8]:
    """The pixels of an image: RGB uint8 [H, W, 3], upright, without transparency.

    Args:
        image: a path, the bytes of a file, a binary file object, an array or a PIL image; docs/images.md has what each
            of them may hold.
        bit_depth: how many of their 16 bits the samples use, 1 to 16, in files that do not declare it and in uint16
            arrays; None for all.
        channel_order: of arrays, "rgb" or "bgr".
        scale: of arrays of other types than uint8, uint16 and bool, what the value 1 means on the scale of 0 to 255.
        max_pixels: most pixels an image may have. It is checked before a pixel is decoded.

    Raises:
        ImageError: the image cannot be decoded; the message names it and the remedy.
        UsageError: an argument is out of range, or `channel_order` or `scale` is given for what is no array.
    """
    return decode_image(image, bit_depth, channel_order=channel_order, scale=scale, max_pixels=max_pixels).pixels


def decode_image(
    image: ImageInput,
    bit_depth: int | None = None,
    *,
    channel_order: str = "rgb",
    scale: float | None = None,
    max_pixels: int = MAX_PIXELS,
    draft: DraftLimits | None = None,
) -> DecodedImage:
    """Decode an image to RGB uint8.

    EXIF and TIFF orientation are applied (files and PIL images); the largest value of 16 bits, or of the bits in use,
    becomes 255, with rounding to nearest; grey is repeated; palettes are expanded; alpha is composited on white; ICC
    profiles are ignored; inks (CMYK) are converted without a profile. No value is scaled by other values of the image.

    Args:
        image: a path; the bytes of a file (bytes, bytearray or memoryview of any layout); a binary file object, read
            from where it stands to its end, and put back there where this raises; an array of shape [H, W], [H, W, 1],
            [H, W, 3] RGB or [H, W, 4] RGBA (straight alpha); or a PIL image. An array is one of numpy's, or anything
            with `__array_interface__` or `__array__`, such as a tensor on the CPU; uint8, uint16, bool (True is
            white), or with `scale` of another type. Files are JPEG, PNG, BMP, TIFF, WebP, GIF, PPM, JPEG 2000, AVIF
            or, where pillow-heif is installed, HEIC; of several frames or pages the first is taken, in a TIFF the
            first that is no preview. Of a PIL image that is loaded already only what Pillow stored can be seen: of
            16-bit RGB files the upper 8 bits, and premultiplied TIFF colours rounded, both of which can be off by 1
            from the file itself; and no sBIT.
        bit_depth: how many of their 16 bits the samples of uint16 arrays and of 16-bit files use, 1 to 16: 12 where
            white is 4095. A file that declares it (MaxSampleValue of a TIFF, sBIT of a PNG) is believed before this.
            None where it is not known: all 16, and the result says where that is doubtful.
        channel_order: of arrays: "rgb", or "bgr" for BGR and BGR with alpha, as OpenCV has them.
        scale: of arrays of float or of other integers, whose range nothing says: what the value 1 means on the scale
            of 0 to 255. A pixel is value * scale, computed in float64 and rounded once, to nearest, halves to even;
            255 where white is 1.0.
        max_pixels: most pixels an image may have. It is checked before a pixel is decoded.
        draft: let large JPEG files, and PIL images of them that are not loaded, be decoded at a part of their size,
            which gives other pixels, in less time. None for never.

    Raises:
        ImageError: the image is missing, unreadable, empty, cut off, damaged, larger than MAX_FILE_BYTES or
            `max_pixels`, holds values beyond `bit_depth` or `scale`, or is of a kind that could only be guessed at:
            ImageReadError, ImageDamagedError, ImageTooLargeError, ImageValueError, ImageKindError. The message names
            the image and the remedy.
        UsageError: an argument is out of range, or `channel_order` or `scale` is given for what is no array.
    """
    # Only here: Pillow's plug-ins take a fifth of the time of importing the runtime.
    from crbl_runtime.image_file.decode import decode_file, decode_pil

    name = describe(image)
    options = DecodeOptions(bit_depth, max_pixels, draft)
    _check_arguments(options, channel_order, scale)
    if is_array(image):
        return decode_array(image, name, options, channel_order=channel_order, scale=scale)
    if channel_order != "rgb" or scale is not None:
        raise UsageError(
            f"{name}: channel_order and scale are about arrays; files and PIL images say themselves what they hold. "
            "Leave both out."
        )
    if isinstance(image, str | os.PathLike):
        return decode_file(_read_path(image, name), name, options)
    if isinstance(image, bytes | bytearray | memoryview):
        return decode_file(_copied(image, name), name, options)
    if isinstance(image, Image.Image):
        return decode_pil(image, name, options)
    if callable(getattr(image, "read", None)):
        with _position_kept_on_failure(image):
            return decode_file(_read_file_object(image, name), name, options)
    raise ImageKindError(
        f"{name}: not an image. Give a path, bytes, a file object opened with 'rb', a numpy array or a PIL image, "
        "or an object with __array_interface__ or __array__."
    )


def describe(image: object) -> str:
    """What messages call an image: its path, or what it is where it has none."""
    if isinstance(image, str | os.PathLike):
        return os.fsdecode(image) or "(empty path)"
    if isinstance(image, bytes | bytearray | memoryview):
        return "bytes"
    if isinstance(image, np.ndarray):
        return f"numpy array {image.dtype} {list(image.shape)}"
    if isinstance(image, Image.Image):
        return _describe_pil(image)
    if callable(getattr(image, "read", None)):
        file_name = getattr(image, "name", None)
        return file_name if isinstance(file_name, str) else "file object"
    return f"object of type {type(image).__module__}.{type(image).__qualname__}"


def _describe_pil(image: Image.Image) -> str:
    file_name = getattr(image, "filename", "")
    return os.fsdecode(file_name) if file_name else f"PIL image {image.mode} {image.width} x {image.height}"


def _read_path(image: str | os.PathLike[str], name: str) -> bytes:
    path = Path(os.fsdecode(image))
    try:
        path = readable_path(path)
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ImageReadError(f"{name}: a folder, where an image is expected. Give the files in it one by one.")
        if not stat.S_ISREG(status.st_mode):
            raise ImageReadError(f"{name}: not a regular file. Open it and give the file object.")
        if status.st_size > MAX_FILE_BYTES:
            raise too_large(name, f"the file is {status.st_size:,} bytes long", f"{MAX_FILE_BYTES:,}")
        with path.open("rb") as file:
            return _read_file_object(file, name)
    except FileNotFoundError as error:
        remedy = too_long(path, error) or f"Check the path; the current folder is {Path.cwd()}."
        raise ImageReadError(f"{name}: no such file. {remedy}") from error
    except PermissionError as error:
        raise ImageReadError(f"{name}: no permission to read it. Change its permissions or its owner.") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path.
        remedy = too_long(path, error) or "Check the path and the drive."
        raise ImageReadError(f"{name}: cannot be read ({error}). {remedy}") from error


def _copied(content: bytes | bytearray | memoryview, name: str) -> bytes:
    try:
        return bytes(content)
    except ValueError as error:  # A memoryview that was released.
        raise ImageReadError(f"{name}: cannot be read ({error}). Decode it before its memory is released.") from error


@contextmanager
def _position_kept_on_failure(file: Any) -> Iterator[None]:
    """Put a file object back to where it stands now if the block raises; what cannot seek stays where it is then."""
    position = None
    with suppress(Exception):  # File objects of others raise anything where they cannot tell.
        position = file.tell()
    try:
        yield
    except BaseException:
        if position is not None:
            with suppress(Exception):  # What is to be reported is why the block raised.
                file.seek(position)
        raise


def _read_file_object(file: Any, name: str) -> bytes:
    """Read to the end, or to one byte past the limit."""
    pieces: list[bytes] = []
    length = 0
    while length <= MAX_FILE_BYTES:
        piece = _read_piece(file, name)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        length += len(piece)
    raise too_large(name, "the file is too long", f"{MAX_FILE_BYTES:,} bytes")


def _read_piece(file: Any, name: str) -> bytes:
    try:
        piece = file.read(READ_BYTES)
    except Exception as error:  # Archives and connections raise errors of their own.
        remedy = "Give a file object that is open for reading."
        raise ImageReadError(f"{name}: cannot be read ({error}). {remedy}") from error
    if not isinstance(piece, bytes):
        raise ImageReadError(f"{name}: reading gives {type(piece).__name__}, not bytes. Open the file with 'rb'.")
    return piece


def _check_arguments(options: DecodeOptions, channel_order: str, scale: float | None) -> None:
    depth, max_pixels = options.bit_depth, options.max_pixels
    if depth is not None and not (_is_integer(depth) and 1 <= depth <= 16):
        raise UsageError(f"bit_depth is {depth!r}, expected how many of 16 bits are in use, 1 to 16, or None.")
    if not (_is_integer(max_pixels) and max_pixels >= 1):
        raise UsageError(f"max_pixels is {max_pixels!r}, expected a whole number of pixels of at least 1.")
    if channel_order not in CHANNEL_ORDERS:
        raise UsageError(f"channel_order is {channel_order!r}, expected one of {', '.join(CHANNEL_ORDERS)}.")
    if scale is not None and not (_is_number(scale) and math.isfinite(scale) and scale > 0):
        raise UsageError(
            f"scale is {scale!r}, expected a positive number: what the value 1 means on the scale of 0 to 255."
        )


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
