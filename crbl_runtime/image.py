"""Any image a user may hand over -> RGB uint8. The same image gives the same bits, however it comes."""

import os
import stat
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.errors import ImageError
from crbl_runtime.image_file import decode_file
from crbl_runtime.image_file.fault import too_large
from crbl_runtime.image_file.limits import MAX_FILE_BYTES, MAX_PIXELS, check_size
from crbl_runtime.image_file.rgb import Samples, flatten, make_white, upright
from crbl_runtime.image_file.tags import orientation

__all__ = ["MAX_FILE_BYTES", "MAX_PIXELS", "ImageInput", "decode", "describe"]

# The last one stands for a PIL image, which is told by its class's module: this package does not depend on Pillow.
ImageInput: TypeAlias = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | NDArray[np.uint8] | NDArray[np.uint16] | Any
)

ARRAY_REMEDY = (
    "Give RGB as uint8 (0 to 255) or uint16 (0 to 65535) of shape [H, W], [H, W, 1], [H, W, 3] or [H, W, 4] (RGBA)"
)
DIRECT_PIL_MODES = frozenset(["1", "L", "LA", "RGB", "RGBA", "RGBX", "I;16", "I;16L", "I;16B", "I;16N", "I"])
PALETTE_PIL_MODES = frozenset(["P", "PA"])
READ_BYTES = 2**20


def decode(image: ImageInput) -> NDArray[np.uint8]:
    """Decode an image to RGB uint8 [H, W, 3], values 0 to 255, C-contiguous, in memory of its own.

    EXIF orientation is applied (files and PIL images); 16-bit is divided by 257 and rounded to nearest; grey is
    repeated; palettes are expanded; alpha is composited on white. No step looks at the values of the image.

    Args:
        image: a path; the bytes of a file; a binary file object, read from where it stands to its end; a numpy array
            uint8 or uint16 of shape [H, W], [H, W, 1], [H, W, 3] RGB or [H, W, 4] RGBA (straight alpha); or a PIL
            image. Files are JPEG, PNG, BMP, TIFF (first page) or WebP. Of a PIL image only what Pillow kept can be
            seen: it loads 16-bit RGB files as their upper 8 bits, and rounds premultiplied TIFF colours; both can be
            off by 1 from the file itself.

    Raises:
        ImageError: the image is missing, unreadable, empty, cut off, damaged, larger than MAX_FILE_BYTES or
            MAX_PIXELS, or of a kind that could only be guessed at. The message names the image and the remedy.
    """
    name = describe(image)
    if isinstance(image, str | os.PathLike):
        return decode_file(_read_path(image, name), name)
    if isinstance(image, bytes | bytearray | memoryview):
        return decode_file(bytes(image), name)
    if isinstance(image, np.ndarray):
        return flatten(_checked_array(image, name))
    if _is_pil_image(image):
        return _decode_pil(image, name)
    if callable(getattr(image, "read", None)):
        return decode_file(_read_file_object(image, name), name)
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
    if _is_pil_image(image):
        return _describe_pil(image)
    if callable(getattr(image, "read", None)):
        file_name = getattr(image, "name", None)
        return file_name if isinstance(file_name, str) else "file object"
    return f"object of type {type(image).__module__}.{type(image).__qualname__}"


def _describe_pil(image: Any) -> str:
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
        raise ImageError(f"{name}: no such file. Check the path; the current folder is {Path.cwd()}.") from error
    except PermissionError as error:
        raise ImageError(f"{name}: no permission to read it. Change its permissions or its owner.") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path.
        raise ImageError(f"{name}: cannot be read ({error}). Check the path and the drive.") from error


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


def _is_pil_image(image: Any) -> bool:
    classes = type(image).__mro__
    return any(kind.__module__ == "PIL.Image" and kind.__name__ == "Image" for kind in classes)


def _decode_pil(image: Any, name: str) -> NDArray[np.uint8]:
    check_size(image.width, image.height, name)
    try:
        image.load()
    except Exception as error:  # Pillow's plug-ins raise anything here: the file is decoded only now.
        raise ImageError(f"{name}: Pillow cannot load it ({error}). Copy or export the image again.") from error
    rgb = _pil_rgb(image, name)
    exif = image.info.get("exif")
    return upright(rgb, orientation(exif) if isinstance(exif, bytes) else 1)


def _pil_rgb(image: Any, name: str) -> NDArray[np.uint8]:
    """The pixels of a loaded PIL image in the modes whose meaning is exact."""
    if image.mode in PALETTE_PIL_MODES:
        return flatten(np.asarray(image.convert("RGBA")))
    if image.mode == "YCbCr":
        return flatten(np.array(image.convert("RGB")))
    if image.mode not in DIRECT_PIL_MODES:
        raise ImageError(
            f"{name}: PIL mode {image.mode!r} has no exact conversion to RGB. "
            f"Convert it by your own rule, for instance image.convert('RGB')."
        )
    samples = _pil_samples(image, name)
    rgb = flatten(samples[..., :3] if image.mode == "RGBX" else samples)
    key = image.info.get("transparency")
    if key is None or image.mode in ("LA", "RGBA", "RGBX"):
        return rgb
    return make_white(rgb, _equals_key(samples, key, name))


def _pil_samples(image: Any, name: str) -> Samples:
    pixels: NDArray[Any] = np.asarray(image)
    if image.mode == "1":
        return np.where(pixels, np.uint8(255), np.uint8(0))
    if image.mode == "I" and (pixels.min() < 0 or pixels.max() > 65535):
        raise ImageError(
            f"{name}: PIL mode 'I' with values from {pixels.min()} to {pixels.max()}, where 0 to 65535 is expected. "
            f"Scale it to 16 bits by your own rule."
        )
    return pixels.astype(np.uint8) if pixels.dtype.itemsize == 1 else pixels.astype(np.uint16)


def _equals_key(samples: Samples, key: Any, name: str) -> NDArray[np.bool_]:
    """Where samples [H, W] or [H, W, 3] equal the colour key that Pillow found in the file: bool [H, W]."""
    values = np.atleast_1d(np.asarray(key))
    pixels = samples[..., np.newaxis] if samples.ndim == 2 else samples
    if values.dtype.kind not in "iu" or values.shape != (pixels.shape[2],) or values.max() > np.iinfo(pixels.dtype).max:
        raise ImageError(
            f"{name}: transparency {key!r} does not fit the PIL image's mode. "
            f"Give the path of the file, or remove image.info['transparency']."
        )
    equal: NDArray[np.bool_] = (pixels == values).all(axis=2)
    return equal
