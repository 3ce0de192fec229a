"""Any image a user may hand over -> RGB uint8. The same image gives the same bits, however it comes."""

import os
import stat
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crbl_runtime.errors import ImageError
from crbl_runtime.image_file.bit_depth import used_bits
from crbl_runtime.image_file.decode import decode_file, decode_pil
from crbl_runtime.image_file.decoded_image import DecodedImage
from crbl_runtime.image_file.limits import MAX_FILE_BYTES, MAX_PIXELS, check_size, too_large
from crbl_runtime.image_file.samples import Samples, flatten, to_8_bit
from crbl_runtime.path_length import too_long

__all__ = ["MAX_FILE_BYTES", "MAX_PIXELS", "DecodedImage", "ImageInput", "decode", "decode_image", "describe"]

ImageInput: TypeAlias = (
    str
    | os.PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | BinaryIO
    | NDArray[np.uint8]
    | NDArray[np.uint16]
    | Image.Image
)

ARRAY_REMEDY = (
    "Give RGB as uint8 (0 to 255) or uint16 (0 to 65535) of shape [H, W], [H, W, 1], [H, W, 3] or [H, W, 4] (RGBA)"
)
READ_BYTES = 2**20


def decode(image: ImageInput, bit_depth: int | None = None) -> NDArray[np.uint8]:
    """The pixels of `decode_image`: RGB uint8 [H, W, 3].

    Raises:
        ImageError: as `decode_image`.
    """
    return decode_image(image, bit_depth).pixels


def decode_image(image: ImageInput, bit_depth: int | None = None) -> DecodedImage:
    """Decode an image to RGB uint8.

    EXIF and TIFF orientation are applied (files and PIL images); the largest value of 16 bits, or of the bits in use,
    becomes 255, with rounding to nearest; grey is repeated; palettes are expanded; alpha is composited on white; ICC
    profiles are ignored; inks (CMYK) are converted without a profile. No value is scaled by other values of the image.

    Args:
        image: a path; the bytes of a file; a binary file object, read from where it stands to its end; a numpy array
            uint8 or uint16 of shape [H, W], [H, W, 1], [H, W, 3] RGB or [H, W, 4] RGBA (straight alpha); or a PIL
            image. Files are JPEG, PNG, BMP, TIFF, WebP, GIF, PPM, JPEG 2000, AVIF or, where pillow-heif is installed,
            HEIC; of several frames or pages the first is taken, in a TIFF the first that is no preview. Of a PIL image
            that is loaded already only what Pillow stored can be seen: of 16-bit RGB files the upper 8 bits, and
            premultiplied TIFF colours rounded, both of which can be off by 1 from the file itself; and no sBIT.
        bit_depth: how many of their 16 bits the samples of uint16 arrays and of 16-bit files use, 1 to 16: 12 where
            white is 4095. A file that declares it (MaxSampleValue of a TIFF, sBIT of a PNG) is believed before this.
            None where it is not known: all 16, and the result says where that is doubtful.

    Raises:
        ImageError: the image is missing, unreadable, empty, cut off, damaged, larger than MAX_FILE_BYTES or
            MAX_PIXELS, holds values beyond `bit_depth`, or is of a kind that could only be guessed at. The message
            names the image and the remedy.
    """
    name = describe(image)
    if isinstance(image, str | os.PathLike):
        return decode_file(_read_path(image, name), name, bit_depth)
    if isinstance(image, bytes | bytearray | memoryview):
        return decode_file(bytes(image), name, bit_depth)
    if isinstance(image, np.ndarray):
        return _decode_array(_checked_array(image, name), name, bit_depth)
    if isinstance(image, Image.Image):
        return decode_pil(image, name, bit_depth)
    if callable(getattr(image, "read", None)):
        return decode_file(_read_file_object(image, name), name, bit_depth)
    raise ImageError(
        f"{name}: not an image. Give a path, bytes, a file object opened with 'rb', a numpy array or a PIL image."
    )


def describe(image: ImageInput) -> str:
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
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ImageError(f"{name}: a folder, where an image is expected. Give the files in it one by one.")
        if not stat.S_ISREG(status.st_mode):
            raise ImageError(f"{name}: not a regular file. Open it and give the file object.")
        if status.st_size > MAX_FILE_BYTES:
            raise too_large(name, f"the file is {status.st_size:,} bytes long", f"{MAX_FILE_BYTES:,}")
        with path.open("rb") as file:
            return _read_file_object(file, name)
    except FileNotFoundError as error:
        remedy = too_long(path, error) or f"Check the path; the current folder is {Path.cwd()}."
        raise ImageError(f"{name}: no such file. {remedy}") from error
    except PermissionError as error:
        raise ImageError(f"{name}: no permission to read it. Change its permissions or its owner.") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path.
        remedy = too_long(path, error) or "Check the path and the drive."
        raise ImageError(f"{name}: cannot be read ({error}). {remedy}") from error


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
    except (OSError, ValueError) as error:  # ValueError: the file is closed.
        raise ImageError(f"{name}: cannot be read ({error}). Give a file object that is open for reading.") from error
    if not isinstance(piece, bytes):
        raise ImageError(f"{name}: reading gives {type(piece).__name__}, not bytes. Open the file with 'rb'.")
    return piece


def _decode_array(samples: Samples, name: str, bit_depth: int | None) -> DecodedImage:
    used = used_bits(samples, None, bit_depth, name)
    return DecodedImage(flatten(to_8_bit(samples, used.bits, used.shift)), used.notes, used.unclear)


def _checked_array(array: NDArray[Any], name: str) -> Samples:
    if array.dtype.kind != "u" or array.dtype.itemsize > 2:
        raise ImageError(
            f"{name}: values of type {array.dtype} have no agreed range. {ARRAY_REMEDY}, scaled by your own rule."
        )
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise ImageError(f"{name}: the shape is not an image's. {ARRAY_REMEDY}.")
    if array.size == 0:
        raise ImageError(f"{name}: has no pixels. {ARRAY_REMEDY}.")
    check_size(array.shape[1], array.shape[0], name)
    return np.array(array, array.dtype.newbyteorder("="))
