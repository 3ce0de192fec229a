"""Arrays of every type and layout, and what gives itself as one: the same image gives the same bits."""

import io
import warnings
from typing import Any

import numpy as np
import pytest
from PIL import Image

from crbl_runtime.errors import ImageKindError, ImageTooLargeError, ImageValueError, UsageError
from crbl_runtime.image import decode, decode_image
from crbl_runtime.preprocessing import PreprocessingSpec, prepare
from image_files import ALPHA, COLOUR, GREY, grey3, over_white

RGBA = np.dstack([COLOUR, ALPHA])
ON_WHITE = over_white(COLOUR, ALPHA)
BGR, BGRA = COLOUR[..., ::-1], RGBA[..., [2, 1, 0, 3]]


class WithInterface:
    """An image of another library, which shares its memory."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.__array_interface__ = array.__array_interface__


class WithArray:
    """A tensor: it gives a numpy array when it is asked to, and has no interface."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.array


class OnAnotherDevice:
    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise TypeError("it is on cuda:0; use .cpu() first")


class WithoutMemory:
    @property
    def __array_interface__(self) -> dict[str, Any]:
        raise RuntimeError("the frame was released")


def padded(array: np.ndarray) -> np.ndarray:
    """The same values in rows that are longer in memory, as frame grabbers give them."""
    wide = np.full((array.shape[0], array.shape[1] + 5, *array.shape[2:]), 77, array.dtype)
    wide[:, : array.shape[1]] = array
    return wide[:, : array.shape[1]]


def read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.setflags(write=False)
    return array


SAME_IMAGE: dict[str, tuple[Any, dict[str, Any]]] = {
    "uint8": (COLOUR, {}),
    "uint16": (COLOUR.astype(np.uint16) * 257, {}),
    "uint16, big-endian": ((COLOUR.astype(np.uint16) * 257).astype(">u2"), {}),
    "uint16 of 12 bits": (((COLOUR.astype(np.uint32) * 4095 + 127) // 255).astype(np.uint16), {"bit_depth": 12}),
    "uint16 of 8 bits": (COLOUR.astype(np.uint16), {"bit_depth": 8}),
    "float16, white is 1": ((COLOUR / 255).astype(np.float16), {"scale": 255}),
    "float32, white is 1": (COLOUR.astype(np.float32) / np.float32(255), {"scale": 255}),
    "float64, white is 1": (COLOUR / 255, {"scale": 255.0}),
    "float32, big-endian": ((COLOUR / 255).astype(">f4"), {"scale": 255}),
    "float32, white is 255": (COLOUR.astype(np.float32), {"scale": 1}),
    "float64, white is 4095": (COLOUR / 255 * 4095, {"scale": 255 / 4095}),
    "float32, of numpy's own scale": (COLOUR.astype(np.float32), {"scale": np.float32(1)}),
    "int64": (COLOUR.astype(np.int64), {"scale": 1}),
    "uint32": (COLOUR.astype(np.uint32) * 257, {"scale": 1 / 257}),
    "BGR": (BGR, {"channel_order": "bgr"}),
    "BGR, float": (BGR / 255, {"channel_order": "bgr", "scale": 255}),
    "BGR, 12 bits": (
        (BGR.astype(np.uint32) * 4095 // 255).astype(np.uint16),
        {"channel_order": "bgr", "bit_depth": 12},
    ),
    "padded": (padded(COLOUR), {}),
    "upside down": (COLOUR[::-1].copy()[::-1], {}),
    "column by column": (np.asfortranarray(COLOUR), {}),
    "planes": (np.moveaxis(np.ascontiguousarray(np.moveaxis(COLOUR, -1, 0)), 0, -1), {}),
    "read-only": (read_only(COLOUR), {}),
    "a subclass": (COLOUR.view(np.recarray), {}),
    "masked, without a masked pixel": (np.ma.masked_array(COLOUR, mask=False), {}),
    "__array_interface__": (WithInterface(COLOUR), {}),
    "__array_interface__, padded": (WithInterface(padded(COLOUR)), {}),
    "__array_interface__, BGR": (WithInterface(BGR), {"channel_order": "bgr"}),
    "__array__": (WithArray(COLOUR), {}),
    "__array__, float": (WithArray(COLOUR / 255), {"scale": 255}),
}


@pytest.mark.parametrize("kind", SAME_IMAGE)
def test_the_same_image_gives_the_same_bits_as_every_array(kind: str) -> None:
    image, arguments = SAME_IMAGE[kind]
    before = np.array(image if isinstance(image, np.ndarray) else image.array)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decoded = decode(image, **arguments)
    assert np.array_equal(decoded, COLOUR)
    assert decoded.dtype == np.uint8
    assert decoded.flags.c_contiguous
    assert decoded.flags.writeable
    decoded[:] = 7
    assert np.array_equal(before, image if isinstance(image, np.ndarray) else image.array)


@pytest.mark.parametrize("shape", [GREY.shape, (*GREY.shape, 1)])
@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_grey_has_no_order_of_channels(shape: tuple[int, ...], order: str) -> None:
    for grey, scale in ((GREY, None), (GREY / 255, 255)):
        assert np.array_equal(decode(grey.reshape(shape), channel_order=order, scale=scale), grey3(GREY))


def test_the_fourth_channel_is_alpha_in_both_orders_and_in_every_type() -> None:
    saved = io.BytesIO()
    Image.fromarray(RGBA).save(saved, "PNG")
    assert np.array_equal(decode(saved.getvalue()), ON_WHITE)
    for rgba, bgra, scale in (
        (RGBA, BGRA, None),
        (RGBA.astype(np.uint16) * 257, BGRA.astype(np.uint16) * 257, None),
        (RGBA / 255, BGRA / 255, 255),
    ):
        assert np.array_equal(decode(rgba, scale=scale), ON_WHITE)
        assert np.array_equal(decode(bgra, channel_order="bgr", scale=scale), ON_WHITE)
    assert not np.array_equal(decode(BGRA), ON_WHITE)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (5, 7, 4)])
def test_true_is_white_and_false_is_black(shape: tuple[int, ...]) -> None:
    mask = np.arange(np.prod(shape)).reshape(shape) % 3 == 0
    assert np.array_equal(decode(mask), decode(np.where(mask, np.uint8(255), np.uint8(0))))
    if len(shape) == 2:
        assert np.array_equal(decode(mask), decode(Image.fromarray(mask)))


def test_every_8_and_16_bit_value_comes_back_from_float() -> None:
    small, large = np.arange(256, dtype=np.uint8)[None], np.arange(65536, dtype=np.uint16).reshape(256, 256)
    for kind in (np.float16, np.float32, np.float64):
        assert np.array_equal(decode((small / 255).astype(kind), scale=255), decode(small))
    for kind in (np.float32, np.float64):
        assert np.array_equal(decode((large / 65535).astype(kind), scale=255), decode(large))
        assert np.array_equal(decode(large.astype(kind), scale=255 / 65535), decode(large))


def test_a_scaled_value_is_rounded_once() -> None:
    values = [[0.49999999999999994, 0.5, 1.5, 2.5, 254.49999999999997, 254.5, 255.49999999999997, -0.5, -0.0]]
    assert decode(np.array(values), scale=1)[0, :, 0].tolist() == [0, 0, 2, 2, 254, 254, 255, 0, 0]


@pytest.mark.parametrize(
    ("values", "scale", "told"),
    [
        ([0.0, float("nan")], 255, "NaN, where 0 to 1 is expected: scale=255"),
        ([0.0, float("inf")], 255, "values from 0.0 to inf, where 0 to 1 "),
        ([0.0, float("-inf")], 1, "values from -inf to 0.0"),
        ([0.0, 1.01], 255, r"values from 0.0 to 1.01, where 0 to 1 "),
        ([-0.01, 1.0], 255, "values from -0.01"),
        ([0.0, 255.0], 255, "values from 0.0 to 255.0"),
        ([0.0, 1e308], 1e10, r"values from 0.0 to 1e\+308"),
        ([0.0, 5000.0], 255 / 4095, "where 0 to 4095 is expected"),
    ],
)
def test_values_beyond_the_scale_are_told(values: list[float], scale: float, told: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ImageValueError, match=rf"^numpy array float64 \[1, 2\]: holds .*{told}"):
            decode(np.array([values]), scale=scale)


def test_whole_numbers_beyond_the_scale_are_told() -> None:
    for array in (np.array([[-1, 3]]), np.array([[0, 256]]), np.array([[2**63 - 1, 0]])):
        with pytest.raises(ImageValueError, match="holds values from"):
            decode(array, scale=1)


@pytest.mark.parametrize(
    "kind", [np.float16, np.float32, np.float64, np.longdouble, np.int8, np.int16, np.int32, np.uint32, np.uint64]
)
def test_types_without_an_agreed_range_need_a_scale(kind: Any) -> None:
    ones = np.ones((4, 5, 3), kind)
    with pytest.raises(
        ImageKindError, match=r"no agreed range. Say what the value 1 means: scale=255 where white is 1"
    ):
        decode(ones)
    assert (decode(ones, scale=120) == 120).all()


@pytest.mark.parametrize("kind", [complex, object, "datetime64[s]", "S4", "U4", [("r", "u1"), ("g", "u1")]])
def test_types_that_are_no_pixels_are_refused_with_a_scale_too(kind: Any) -> None:
    for scale in (None, 255):
        with pytest.raises(ImageKindError, match="are no pixels"):
            decode(np.zeros((4, 5), kind), scale=scale)


@pytest.mark.parametrize("image", [COLOUR, COLOUR.astype(np.uint16), GREY > 99, WithInterface(COLOUR)])
def test_a_scale_for_a_known_range_is_refused(image: Any) -> None:
    with pytest.raises(UsageError, match=r"scale is 255, but the range of .* is known"):
        decode(image, scale=255)


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (np.moveaxis(COLOUR, -1, 0), r"shape is not an image's: \[3, \d+, \d+\]. The channels come last"),
        (WithArray(np.moveaxis(COLOUR, -1, 0)), r"WithArray: .*permute\(1, 2, 0\) of a tensor"),
        (COLOUR[np.newaxis], r"\[1, \d+, \d+, 3\]. Give the images one by one"),
        (np.uint8(7), r"numpy.uint8: the shape is not an image's: \[\]"),
        (np.ma.masked_less(COLOUR, 9), r"masked pixels.*array.filled\(value\)"),
        (OnAnotherDevice(), r"OnAnotherDevice: does not give .* \(TypeError: it is on cuda:0; use .cpu\(\) first\)"),
        (WithoutMemory(), r"WithoutMemory: does not give .* \(RuntimeError: the frame was released\)"),
        (np.ndarray, "object of type builtins.type: not an image"),
    ],
)
def test_what_is_not_one_image_is_told_what_to_do(image: Any, told: str) -> None:
    with pytest.raises(ImageKindError, match=told):
        decode(image)


def test_an_array_over_the_limit_is_refused_before_its_values_are_looked_at() -> None:
    limit = COLOUR.shape[0] * COLOUR.shape[1]
    for array in (COLOUR, COLOUR / 255, np.broadcast_to(np.float64(0), COLOUR.shape)):
        scale = None if array.dtype == np.uint8 else 255
        assert decode(array, scale=scale, max_pixels=limit).shape == COLOUR.shape
        with pytest.raises(ImageTooLargeError, match=rf"more than the limit of {limit - 1:,} pixels"):
            decode(array, scale=scale, max_pixels=limit - 1)
    with pytest.raises(ImageTooLargeError):
        decode(np.broadcast_to(np.uint8(0), (2**18, 2**18)))


def test_the_arguments_reach_the_prepared_image() -> None:
    spec = PreprocessingSpec("whole")
    expected = prepare(COLOUR, spec).pixels
    assert np.array_equal(prepare(BGR / 255, spec, channel_order="bgr", scale=255).pixels, expected)
    with pytest.raises(ImageTooLargeError):
        prepare(COLOUR, spec, max_pixels=100)
    twelve_bits = COLOUR.astype(np.uint16) * 16
    assert decode_image(twelve_bits).bit_depth_unclear
    assert not decode_image(twelve_bits, 12).bit_depth_unclear
