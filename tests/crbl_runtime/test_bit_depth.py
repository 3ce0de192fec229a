"""16-bit images that use 10, 12 or 14 of their bits: what files declare, what the user says, what is unclear."""

import io
import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from crbl_runtime.errors import ImageError, UsageError
from crbl_runtime.image import decode, decode_image
from crbl_runtime.preprocessing import PreprocessingSpec, prepare
from image_files import COLOUR, GREY, png_chunk, png_file, png_header, png_rows, saved, tiff

BITS = (8, 10, 12, 14)
GREY_TYPE, COLOUR_TYPE, GREY_ALPHA_TYPE = 0, 2, 4
MAX_SAMPLE_VALUE = 281
SHORT = 3


def in_bits(samples: np.ndarray, bits: int) -> np.ndarray:
    """uint8 samples as the nearest values of so many bits in uint16."""
    return np.rint(samples / 255 * (2**bits - 1)).astype(np.uint16)


def png(samples: np.ndarray, declared: int | None = None) -> bytes:
    """A 16-bit PNG of samples [H, W] or [H, W, 3], with the chunk sBIT where a depth is declared."""
    channels = samples.reshape(*samples.shape[:2], -1)
    colour_type = {1: GREY_TYPE, 2: GREY_ALPHA_TYPE, 3: COLOUR_TYPE}[channels.shape[2]]
    chunk = b"" if declared is None else png_chunk(b"sBIT", bytes([declared] * channels.shape[2]))
    height, width = samples.shape[:2]
    return png_file(png_header(width, height, 16, colour_type), zlib.compress(png_rows(channels, 16)), before=chunk)


def declared_tiff(samples: np.ndarray, largest: int) -> bytes:
    """A TIFF whose MaxSampleValue is this."""
    count = samples.shape[2] if samples.ndim == 3 else 1
    value = (largest,) * count if count > 1 else largest
    return tiff(samples, extratags=[(MAX_SAMPLE_VALUE, SHORT, count, value, True)])


def grey3(samples: np.ndarray) -> np.ndarray:
    return np.repeat(samples[..., np.newaxis], 3, axis=2)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize(
    "file", [png, tiff, lambda samples: samples, Image.fromarray], ids=["png", "tiff", "array", "pil"]
)
def test_bits_that_the_user_gives_are_the_range(bits: int, file: Callable[[np.ndarray], bytes]) -> None:
    deep = file(in_bits(GREY, bits))
    assert np.array_equal(decode(deep, bits), grey3(GREY))
    assert not decode_image(deep, bits).bit_depth_unclear


@pytest.mark.parametrize("bits", [9, *BITS, 16])
@pytest.mark.parametrize("samples", [GREY, COLOUR], ids=["grey", "colour"])
def test_a_declared_depth_is_believed(bits: int, samples: np.ndarray) -> None:
    expected = samples if samples.ndim == 3 else grey3(samples)
    deep = in_bits(samples, bits)
    multiplied = np.rint(deep * (65535 / (2**bits - 1))).astype(np.uint16)
    shifted = deep << (16 - bits)
    for content in (png(deep, bits), png(multiplied, bits), png(shifted, bits), declared_tiff(deep, 2**bits - 1)):
        # What the user says is about files that say nothing.
        for given in (None, 10):
            decoded = decode_image(content, given)
            assert np.array_equal(decoded.pixels, expected)
            assert (decoded.notes, decoded.bit_depth_unclear) == ((), False)


def test_dark_samples_that_were_scaled_up_stay_dark() -> None:
    """All are below 4096 in either form: by the PNG specification these have 12 bits and are scaled up to 16."""
    dark = in_bits(GREY, 12) // 16
    assert dark.max() << 4 < 4096
    for content in (png(dark << 4, 12), png(dark, 12)):
        assert np.array_equal(decode(content), decode(dark, 12))


def test_below_14_bits_it_is_unclear_until_somebody_says_so() -> None:
    for file in (png, tiff, lambda samples: samples, Image.fromarray):
        for largest, unclear in ((2**14 - 1, True), (2**14, False)):
            samples = np.full((3, 4), 100, np.uint16)
            samples[1, 1] = largest
            assert decode_image(file(samples)).bit_depth_unclear is unclear
            assert decode_image(file(samples), 16).bit_depth_unclear is False
            assert np.array_equal(decode(file(samples)), decode(file(samples), 16))


def test_alpha_has_no_part_in_what_is_unclear() -> None:
    grey_alpha = np.dstack([np.full((3, 4), 100, np.uint16), np.full((3, 4), 65535, np.uint16)])
    assert decode_image(png(grey_alpha)).bit_depth_unclear
    opaque = np.dstack([in_bits(COLOUR, 12), np.full(COLOUR.shape[:2], 65535, np.uint16)])
    assert decode_image(opaque).bit_depth_unclear


def test_16_bit_colour_of_a_pil_image_that_is_not_loaded_is_read_whole() -> None:
    content = png(in_bits(COLOUR, 12))
    image = Image.open(io.BytesIO(content))
    assert decode_image(image).bit_depth_unclear
    assert np.array_equal(decode(image, 12), COLOUR)
    image.load()  # Still possible.


def test_8_bit_images_are_never_touched() -> None:
    for content in (
        saved(Image.fromarray(COLOUR // 8), "PNG"),
        saved(Image.fromarray(COLOUR // 8), "BMP"),
        COLOUR // 8,
    ):
        for bits in (None, 8, 10, 16):
            decoded = decode_image(content, bits)
            assert np.array_equal(decoded.pixels, COLOUR // 8)
            assert not decoded.bit_depth_unclear


def test_formats_that_pillow_scales_by_their_header_are_clear() -> None:
    dark = in_bits(GREY // 16, 12)
    height, width = GREY.shape
    maxval_4095 = b"P5 %d %d 4095\n" % (width, height) + dark.astype(">u2").tobytes()
    decoded = decode_image(maxval_4095, 10)
    assert np.abs(decoded.pixels.astype(int) - grey3(GREY // 16)).max() <= 1
    assert not decoded.bit_depth_unclear


@pytest.mark.parametrize("kind", ["PPM", "JPEG2000"])
def test_formats_whose_header_must_name_a_depth_declare_nothing_by_16_bits(kind: str) -> None:
    content = saved(Image.fromarray(in_bits(GREY, 12)), kind)
    assert decode_image(content).bit_depth_unclear
    assert np.array_equal(decode(content, 12), grey3(GREY))
    assert not decode_image(saved(Image.fromarray(in_bits(GREY, 16)), kind)).bit_depth_unclear


def test_values_beyond_the_given_depth_are_an_error() -> None:
    with pytest.raises(ImageError, match=r"holds the value 4,096, more than the 4,095 of the 12 bits"):
        decode(np.full((2, 2), 4096, np.uint16), 12)
    assert (decode(np.full((2, 2), 4095, np.uint16), 12) == 255).all()


def test_a_declaration_that_cannot_be_true_is_said_and_not_believed() -> None:
    bright = in_bits(GREY, 16)
    decoded = decode_image(declared_tiff(bright, 4095))
    assert np.array_equal(decoded.pixels, grey3(GREY))
    assert "MaxSampleValue declares 12 bits" in decoded.notes[0]
    # The largest value of this very image is no number of bits.
    dark = in_bits(GREY, 12)
    assert decode_image(declared_tiff(dark, 3127)).bit_depth_unclear
    for nonsense in (0, 17, 200):
        assert decode_image(png(dark, nonsense)).bit_depth_unclear


def test_the_colour_key_is_compared_before_samples_are_scaled() -> None:
    samples = in_bits(GREY, 12)
    key = int(samples[5, 7])
    header = png_header(*reversed(GREY.shape), 16, GREY_TYPE)
    content = png_file(
        header,
        zlib.compress(png_rows(samples[..., np.newaxis], 16)),
        before=png_chunk(b"tRNS", key.to_bytes(2, "big")),
    )
    expected = np.where((samples == key)[..., np.newaxis], np.uint8(255), grey3(GREY))
    assert np.array_equal(decode(content, 12), expected)


def test_the_depth_is_part_of_the_spec_and_of_its_hash() -> None:
    spec = PreprocessingSpec("whole")
    twelve = replace(spec, bit_depth=12)
    assert PreprocessingSpec.from_dict(twelve.to_dict()) == twelve
    assert twelve.hash != spec.hash
    deep = png(in_bits(GREY, 12))
    assert np.array_equal(prepare(deep, twelve).pixels, prepare(GREY, spec).pixels)
    assert prepare(deep, spec).bit_depth_unclear
    assert not prepare(deep, twelve).bit_depth_unclear
    for wrong in (0, 11, 17, 12.0, True, "12"):
        with pytest.raises(UsageError, match="bit_depth"):
            replace(spec, bit_depth=wrong)
