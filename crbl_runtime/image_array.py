"""Pixels in memory -> RGB uint8: numpy arrays, and what gives itself as one."""

import os
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crbl_runtime.errors import ImageKindError, ImageValueError, UsageError
from crbl_runtime.image_file.decode_options import DecodeOptions
from crbl_runtime.image_file.decoded_image import DecodedImage
from crbl_runtime.image_file.limits import check_size
from crbl_runtime.image_file.samples import Samples, flatten, to_8_bit

REMEDY = "Give RGB as uint8 (0 to 255) or uint16 (0 to 65535) of shape [H, W], [H, W, 1], [H, W, 3] or [H, W, 4] (RGBA)"
# The channels of BGR and of BGR with alpha, in the order of RGB.
BGR_TO_RGB = (2, 1, 0, 3)


class HasArrayInterface(Protocol):
    """What shares its memory as numpy's array interface, version 3, describes it."""

    @property
    def __array_interface__(self) -> dict[str, Any]: ...


class HasArray(Protocol):
    """What makes a numpy array of itself, as tensors do that are in the memory of the CPU."""

    def __array__(self) -> NDArray[Any]: ...


def is_array(image: object) -> bool:
    """Whether this is a numpy array or gives itself as one: `__array_interface__` or `__array__`.

    PIL images do, without their palette, orientation and transparent colour; so do numpy's own strings; and classes
    have what their objects have. None of them is an array here.
    """
    if isinstance(image, type | str | bytes | os.PathLike | Image.Image):
        return False
    try:
        return hasattr(image, "__array_interface__") or hasattr(image, "__array__")
    except Exception:  # Raised by a property; `decode_array` meets it again, and tells it.
        return True


def decode_array(
    image: Any, name: str, options: DecodeOptions, *, channel_order: str, scale: float | None
) -> DecodedImage:
    """An array -> RGB uint8, on white.

    Args:
        image: what `is_array` is true of.
        name: what messages call it.
        channel_order: "rgb" or "bgr", of arrays with 3 or 4 channels; the fourth is alpha in both.
        scale: what the value 1 means on the scale of 0 to 255, for values of other types than bool, uint8 and uint16.

    Raises:
        ImageKindError: the type or the shape is not that of an image, or the range of the values is not known.
        ImageValueError: values beyond `options.bit_depth`, or NaN or beyond 0 to 255 after they are scaled.
        ImageDamagedError, ImageTooLargeError: as `check_size`.
        UsageError: a scale for values whose range is known.
    """
    from crbl_runtime.image_file.bit_depth import used_bits  # Only here: it needs a plug-in of Pillow's.

    array = _as_array(image, name)
    _check_shape(array, name)
    check_size(array.shape[1], array.shape[0], name, options.max_pixels)
    samples = _samples(array, name, scale)
    if channel_order == "bgr" and samples.ndim == 3 and samples.shape[2] > 1:
        samples = samples[..., BGR_TO_RGB[: samples.shape[2]]]
    used = used_bits(samples, None, options.bit_depth, name)
    return DecodedImage(flatten(to_8_bit(samples, used.bits, used.shift)), used.notes, used.unclear)


def _as_array(image: Any, name: str) -> NDArray[Any]:
    # Of a masked array. Asking for numpy's class would import numpy.ma, which few programs use.
    if isinstance(image, np.ndarray) and np.any(getattr(image, "mask", False)):
        raise ImageKindError(f"{name}: has masked pixels. Give them a value by your own rule: array.filled(value).")
    try:
        return np.asarray(image)
    except Exception as error:  # Tensors of other devices and types raise their own errors.
        raise ImageKindError(
            f"{name}: does not give itself as a numpy array ({type(error).__name__}: {error}). {REMEDY}."
        ) from error


def _check_shape(array: NDArray[Any], name: str) -> None:
    shape = array.shape
    if array.ndim == 2 or (array.ndim == 3 and shape[2] in (1, 3, 4)):
        if array.size == 0:
            raise ImageKindError(f"{name}: has no pixels. {REMEDY}.")
        return
    remedy = REMEDY
    if array.ndim == 3 and shape[0] in (1, 3, 4):
        remedy = (
            "The channels come last: numpy.moveaxis(array, 0, -1), or permute(1, 2, 0) of a tensor, puts them there"
        )
    elif array.ndim == 4:
        remedy = "Give the images one by one"
    raise ImageKindError(f"{name}: the shape is not an image's: {list(shape)}. {remedy}.")


def _samples(array: NDArray[Any], name: str, scale: float | None) -> Samples:
    """The values as uint8 or uint16, in memory of their own."""
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind == "b" or (kind == "u" and size <= 2):
        if scale is not None:
            raise UsageError(
                f"{name}: scale is {scale!r}, but the range of {array.dtype} is known. Give scale for other types, "
                "and bit_depth for uint16 that uses fewer than 16 bits."
            )
        return array * np.uint8(255) if kind == "b" else np.array(array, array.dtype.newbyteorder("="))
    if kind not in "iuf":
        raise ImageKindError(f"{name}: values of type {array.dtype} are no pixels. {REMEDY}.")
    if scale is None:
        raise ImageKindError(
            f"{name}: values of type {array.dtype} have no agreed range. Say what the value 1 means: scale=255 where "
            f"white is 1, scale=1 where it is 255. Or: {REMEDY}."
        )
    return _scaled(array, name, scale)


def _scaled(array: NDArray[Any], name: str, scale: float) -> NDArray[np.uint8]:
    """Each value times the scale, in float64, rounded once: to nearest, halves to even."""
    with np.errstate(over="ignore", invalid="ignore"):
        pixels: NDArray[np.float64] = np.multiply(array, scale, dtype=np.float64)
    np.rint(pixels, out=pixels)
    if not (pixels.min() >= 0 and pixels.max() <= 255):
        what = "NaN" if np.isnan(pixels).any() else f"values from {array.min()} to {array.max()}"
        raise ImageValueError(
            f"{name}: holds {what}, where 0 to {255 / scale:g} is expected: scale={scale!r} says that "
            f"{255 / scale:g} is white. Give another scale, or replace these values by your own rule."
        )
    return pixels.astype(np.uint8)
