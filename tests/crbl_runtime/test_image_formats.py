"""What each file format can hold, decoded: bit depths, palettes, transparency, orientation, layouts."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
import skimage.data
import tifffile
from PIL import Image, ImageOps

from crbl_runtime.errors import ImageError
from crbl_runtime.image import decode
from crbl_runtime.image_file.lzw import lzw_length

COLOUR = skimage.data.astronaut()[60:161, 180:317]
GREY = skimage.data.camera()[100:201, 150:287]
HEIGHT, WIDTH = GREY.shape
RANDOM = np.random.default_rng(0)
ALPHA = RANDOM.integers(0, 256, GREY.shape, np.uint8)
COLOUR_16 = RANDOM.integers(0, 65536, COLOUR.shape, np.uint16)
PHOTOGRAPH = Image.fromarray(COLOUR)


def saved(image: Image.Image, file_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def scaled(values: np.ndarray) -> np.ndarray:
    """16-bit to 8-bit by the rule, in exact integers."""
    return (2 * values.astype(int) + 257) // 514


def over_white(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    weight = alpha[..., np.newaxis].astype(int)
    return (2 * (colour.astype(int) * weight + 255 * (255 - weight)) + 255) // 510


def grey3(values: np.ndarray) -> np.ndarray:
    return np.dstack([values, values, values])


def oriented(file_format: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(PHOTOGRAPH, file_format, exif=exif)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied_once(file_format: str, orientation: int) -> None:
    content = oriented(file_format, orientation)
    image = Image.open(io.BytesIO(content))
    expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert expected.shape[:2] == ((WIDTH, HEIGHT) if orientation >= 5 else (HEIGHT, WIDTH))
    assert np.array_equal(decode(content), expected)


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (1, "ab cd ef"),
        (2, "ba dc fe"),
        (3, "fe dc ba"),
        (4, "ef cd ab"),
        (5, "ace bdf"),
        (6, "eca fdb"),
        (7, "fdb eca"),
        (8, "bdf ace"),
    ],
)
def test_orientations_mean_what_the_standard_says(orientation: int, expected: str) -> None:
    pixels = np.array([list(row.encode()) for row in ("ab", "cd", "ef")], np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode(saved(Image.fromarray(pixels), "PNG", exif=exif))
    assert " ".join(bytes(row).decode() for row in image[..., 0]) == expected


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0",
        b"Exif\0\0garbage",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x09\0\0",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x01\0\x06\0\0",
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x10\0\x03\0\0\0\x01\0\x06\0\0",
    ],
    ids=["empty", "garbage", "beyond its end", "orientation 9", "of type text", "cut off"],
)
def test_an_unusable_exif_block_leaves_the_image_as_it_is(exif: bytes) -> None:
    assert np.array_equal(decode(saved(PHOTOGRAPH, "PNG", exif=exif)), COLOUR)


def test_exif_of_either_byte_order_is_read() -> None:
    big = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x03\0\0\0\0\0\0"
    little = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x03\0\0\0\0\0\0\0"
    for exif in (big, little):
        assert np.array_equal(decode(saved(PHOTOGRAPH, "PNG", exif=exif)), COLOUR[::-1, ::-1])


# PNG ---------------------------------------------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    samples: np.ndarray,
    depth: int,
    colour_type: int,
    *,
    interlaced: bool = False,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """Write samples [H, W, C] as PNG with filter 0; `before` and `after` are chunks around the pixel data."""
    height, width, _ = samples.shape
    whole = [(0, 0, 1, 1)]
    adam7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    raw = b""
    for x, y, step_x, step_y in adam7 if interlaced else whole:
        for row in samples[y::step_y, x::step_x]:
            if row.size:
                bits = (row.reshape(-1, 1) >> np.arange(depth - 1, -1, -1)) & 1
                raw += b"\0" + np.packbits(bits.astype(np.uint8)).tobytes()
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlaced)
    pixels = chunk(b"IDAT", zlib.compress(raw))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + pixels + after + chunk(b"IEND", b"")


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (9, 3), (33, 17)])
@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_png_grey_of_every_depth(depth: int, size: tuple[int, int], interlaced: bool) -> None:
    samples = RANDOM.integers(0, 2**depth, (*size, 1))
    expected = scaled(samples) if depth == 16 else samples * (255 // (2**depth - 1))
    assert np.array_equal(decode(png(samples, depth, 0, interlaced=interlaced)), np.repeat(expected, 3, axis=2))


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize(("colour_type", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_png_colour_and_alpha_of_every_depth(colour_type: int, channels: int, depth: int, interlaced: bool) -> None:
    samples = RANDOM.integers(0, 2**depth, (13, 21, channels))
    small = scaled(samples) if depth == 16 else samples
    colour = np.repeat(small[..., :1], 3, axis=2) if channels == 2 else small[..., :3]
    expected = colour if channels == 3 else over_white(colour, small[..., -1])
    assert np.array_equal(decode(png(samples, depth, colour_type, interlaced=interlaced)), expected)


@pytest.mark.parametrize("translucent", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_png_palettes_of_every_depth(depth: int, translucent: bool) -> None:
    colours = 2**depth
    palette = RANDOM.integers(0, 256, (colours, 3), np.uint8)
    alpha = np.full(colours, 255, np.uint8)
    before = chunk(b"PLTE", palette.tobytes())
    if translucent:
        # A tRNS chunk may be shorter than the palette; the other colours are opaque.
        alpha[: colours // 2] = RANDOM.integers(0, 256, colours // 2)
        before += chunk(b"tRNS", alpha[: colours // 2].tobytes())
    indices = RANDOM.integers(0, colours, (11, 19, 1))
    expected = over_white(palette, alpha)[indices[..., 0]]
    assert np.array_equal(decode(png(indices, depth, 3, before=before)), expected)


def test_png_palette_too_short_for_its_pixels_is_refused() -> None:
    content = png(np.array([[[0], [2]]]), 8, 3, before=chunk(b"PLTE", bytes(6)))
    with pytest.raises(ImageError, match="palette index 2 and the PNG palette 2 colours"):
        decode(content)


@pytest.mark.parametrize(("depth", "colour_type"), [(1, 0), (2, 0), (4, 0), (8, 0), (16, 0), (8, 2), (16, 2)])
def test_png_colour_key_becomes_white(depth: int, colour_type: int) -> None:
    channels = 3 if colour_type == 2 else 1
    samples = RANDOM.integers(0, 2**depth, (9, 14, channels))
    key = samples[4, 5]
    before = chunk(b"tRNS", struct.pack(f">{channels}H", *key))
    small = scaled(samples) if depth == 16 else samples * (255 // (2**depth - 1) if depth < 8 else 1)
    expected = np.where((samples == key).all(axis=2, keepdims=True), 255, np.broadcast_to(small, (9, 14, 3)))
    assert np.array_equal(decode(png(samples, depth, colour_type, before=before)), expected)


def test_a_16_bit_colour_key_is_compared_before_scaling() -> None:
    samples = np.array([[[1000], [1001]]])
    assert decode(png(samples, 16, 0, before=chunk(b"tRNS", struct.pack(">H", 1000))))[0, :, 0].tolist() == [255, 4]


def test_png_orientation_after_the_pixels_is_read() -> None:
    exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x03\0\0\0\0\0\0"
    assert np.array_equal(decode(png(COLOUR.astype(int), 8, 2, after=chunk(b"eXIf", exif))), COLOUR[::-1, ::-1])


def test_of_an_animated_png_the_still_image_is_taken() -> None:
    frames = [Image.fromarray(255 - COLOUR)]
    assert np.array_equal(decode(saved(PHOTOGRAPH, "PNG", save_all=True, append_images=frames)), COLOUR)


def test_colour_management_chunks_change_no_pixel() -> None:
    before = chunk(b"gAMA", struct.pack(">I", 10000)) + chunk(b"sRGB", b"\0") + chunk(b"bKGD", bytes(6))
    assert np.array_equal(decode(png(COLOUR.astype(int), 8, 2, before=before)), COLOUR)


# BMP ---------------------------------------------------------------------------------------------------------------


def bmp(rows: list[bytes], width: int, bits: int, *, palette: bytes = b"", compression: int = 0, masks: bytes = b""):
    """Write rows, top first, as a BMP whose header grows by `masks`; a top-down file is one with a negative height."""
    padded = b"".join(row + bytes(-len(row) % 4) for row in reversed(rows))
    size = 40 + len(masks)
    header = struct.pack("<IiiHHIIiiII", size, width, len(rows), 1, bits, compression, len(padded), 0, 0, 0, 0) + masks
    offset = 14 + len(header) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(padded), 0, 0, offset) + header + palette + padded


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_bmp_from_pillow(mode: str) -> None:
    image = PHOTOGRAPH.quantize(200) if mode == "P" else PHOTOGRAPH.convert(mode)
    assert np.array_equal(decode(saved(image, "BMP")), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_bmp_palettes_of_every_depth(bits: int) -> None:
    palette = RANDOM.integers(0, 256, (2**bits, 4), np.uint8)
    indices = RANDOM.integers(0, 2**bits, (6, 13))
    rows = [np.packbits((row[:, None] >> np.arange(bits - 1, -1, -1)) & 1).tobytes() for row in indices]
    assert np.array_equal(decode(bmp(rows, 13, bits, palette=palette.tobytes())), palette[:, 2::-1][indices])


def test_bmp_palette_too_short_for_its_pixels_is_refused() -> None:
    with pytest.raises(ImageError, match="palette index 9 and the BMP palette 2 colours"):
        decode(bmp([b"\x00\x01\x09"], 3, 8, palette=bytes(8)))


def test_the_fourth_byte_of_bmp_pixels_is_alpha_only_where_declared() -> None:
    bgra = np.dstack([COLOUR[..., ::-1], ALPHA])
    rows = [row.tobytes() for row in bgra]
    colours = struct.pack("<III", 0xFF0000, 0xFF00, 0xFF)
    assert np.array_equal(decode(bmp(rows, WIDTH, 32)), COLOUR)
    without = bmp(rows, WIDTH, 32, compression=3, masks=colours)
    assert np.array_equal(decode(without), COLOUR)
    declared = bmp(rows, WIDTH, 32, compression=3, masks=colours + struct.pack("<I", 0xFF000000))
    assert np.array_equal(decode(declared), over_white(COLOUR, ALPHA))
    assert np.array_equal(decode(Image.open(io.BytesIO(declared))), over_white(COLOUR, ALPHA))


def test_bmp_rows_from_top_to_bottom() -> None:
    content = bytearray(saved(PHOTOGRAPH, "BMP"))
    struct.pack_into("<i", content, 22, -HEIGHT)
    assert np.array_equal(decode(content), COLOUR[::-1])


def test_bmp_with_the_oldest_header() -> None:
    pixels = b"".join(row.tobytes() + bytes(-3 * WIDTH % 4) for row in COLOUR[::-1, :, ::-1])
    content = b"BM" + struct.pack("<IHHIIHHHH", 26 + len(pixels), 0, 0, 26, 12, WIDTH, HEIGHT, 1, 24) + pixels
    assert np.array_equal(decode(content), COLOUR)


@pytest.mark.parametrize(("bits", "compression"), [(16, 0), (8, 1), (4, 2), (16, 3), (24, 4), (0, 0)])
def test_other_bmp_kinds_are_refused(bits: int, compression: int) -> None:
    with pytest.raises(ImageError, match=f"BMP with {bits} bits .* not supported. Save the image as"):
        decode(bmp([bytes(64)] * 4, 4, bits, compression=compression, palette=bytes(1024)))


# WebP and JPEG -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 60}, {"quality": 100, "method": 6}])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_webp_decodes_as_in_pillow(mode: str, options: dict[str, Any]) -> None:
    image = Image.fromarray(np.dstack([COLOUR, ALPHA])) if mode == "RGBA" else PHOTOGRAPH
    content = saved(image, "WEBP", exact=True, **options)
    pixels = np.asarray(Image.open(io.BytesIO(content)))
    expected = over_white(pixels[..., :3], pixels[..., 3]) if mode == "RGBA" else pixels
    assert np.array_equal(decode(content), expected)


def test_animated_webp_is_refused() -> None:
    content = saved(PHOTOGRAPH, "WEBP", save_all=True, append_images=[Image.fromarray(255 - COLOUR)])
    with pytest.raises(ImageError, match="animated WebP is not supported"):
        decode(content)


def test_cmyk_jpeg_is_refused() -> None:
    with pytest.raises(ImageError, match=r"CMYK JPEG .* is not supported"):
        decode(saved(PHOTOGRAPH.convert("CMYK"), "JPEG"))


def test_jpeg_with_rgb_inside_and_with_restarts_decodes_as_in_pillow() -> None:
    for options in ({"keep_rgb": True}, {"restart_marker_blocks": 3}, {"restart_marker_rows": 1, "progressive": True}):
        content = saved(PHOTOGRAPH, "JPEG", **options)
        assert np.array_equal(decode(content), np.asarray(Image.open(io.BytesIO(content))))


def test_a_thumbnail_within_the_exif_block_is_not_the_image() -> None:
    thumbnail = saved(PHOTOGRAPH.resize((16, 16)), "JPEG")
    content = saved(PHOTOGRAPH, "JPEG")
    segment = b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0" + thumbnail
    with_thumbnail = content[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + content[2:]
    assert np.array_equal(decode(with_thumbnail), decode(content))


# TIFF --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16"])
def test_tiff_from_pillow(mode: str, compression: str) -> None:
    deep = GREY.astype(np.uint16) * 250
    images = {
        "1": (PHOTOGRAPH.convert("1"), np.asarray(PHOTOGRAPH.convert("1").convert("RGB"))),
        "L": (Image.fromarray(GREY), grey3(GREY)),
        "P": (PHOTOGRAPH.quantize(200), np.asarray(PHOTOGRAPH.quantize(200).convert("RGB"))),
        "RGB": (PHOTOGRAPH, COLOUR),
        "RGBA": (Image.fromarray(np.dstack([COLOUR, ALPHA])), over_white(COLOUR, ALPHA)),
        "I;16": (Image.fromarray(deep), grey3(scaled(deep))),
    }
    image, expected = images[mode]
    assert np.array_equal(decode(saved(image, "TIFF", compression=compression)), expected)


def tiff(samples: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, samples, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    "options", [{}, {"byteorder": ">"}, {"tile": (64, 48)}, {"rowsperstrip": 7}, {"bigtiff": True}]
)
def test_tiff_of_every_layout(options: dict[str, Any]) -> None:
    assert np.array_equal(decode(tiff(COLOUR, photometric="rgb", **options)), COLOUR)
    assert np.array_equal(decode(tiff(COLOUR_16, photometric="rgb", **options)), scaled(COLOUR_16))


def test_tiff_with_separate_planes() -> None:
    planes = {"photometric": "rgb", "planarconfig": "separate", "rowsperstrip": 30}
    assert np.array_equal(decode(tiff(np.ascontiguousarray(COLOUR.transpose(2, 0, 1)), **planes)), COLOUR)
    with pytest.raises(ImageError, match="separate planes of 16 bits is not supported"):
        decode(tiff(np.ascontiguousarray(COLOUR_16.transpose(2, 0, 1)), **planes))


def test_tiff_alpha_is_read_as_it_is_declared() -> None:
    rgba = np.dstack([COLOUR, ALPHA])
    premultiplied = np.dstack([np.minimum(COLOUR, ALPHA[..., np.newaxis]), ALPHA])
    white_added = premultiplied[..., :3].astype(int) + 255 - ALPHA[..., np.newaxis]
    for scale in (1, 257):
        depth = np.uint8 if scale == 1 else np.uint16

        def written(samples: np.ndarray, kind: str, scale: int = scale, depth: type = depth) -> bytes:
            return tiff((samples.astype(int) * scale).astype(depth), photometric="rgb", extrasamples=[kind])

        assert np.array_equal(decode(written(rgba, "unassalpha")), over_white(COLOUR, ALPHA))
        assert np.array_equal(decode(written(premultiplied, "assocalpha")), white_added)
        assert np.array_equal(decode(written(rgba, "unspecified")), COLOUR)


def test_tiff_where_white_is_zero() -> None:
    assert np.array_equal(decode(tiff(GREY, photometric="miniswhite")), grey3(255 - GREY))


def test_of_a_tiff_with_several_pages_the_first_is_taken() -> None:
    content = saved(PHOTOGRAPH, "TIFF", save_all=True, append_images=[Image.fromarray(255 - COLOUR)])
    assert np.array_equal(decode(content), COLOUR)


@pytest.mark.parametrize(
    "samples",
    [
        GREY.astype(np.float32),
        GREY.astype(np.float16),
        GREY.astype(np.int16),
        GREY.astype(np.uint32),
        GREY.view(np.int8),
    ],
    ids=["float32", "float16", "int16", "uint32", "int8"],
)
def test_tiff_samples_without_an_agreed_range_are_refused(samples: np.ndarray) -> None:
    with pytest.raises(ImageError, match=r"TIFF with .* is not supported"):
        decode(tiff(samples, photometric="minisblack"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (saved(PHOTOGRAPH, "TIFF", compression="jpeg"), "TIFF compression 7 "),
        (saved(PHOTOGRAPH.convert("1"), "TIFF", compression="group4"), "TIFF compression 4 "),
        (saved(PHOTOGRAPH.convert("CMYK"), "TIFF"), "photometric interpretation 5"),
        (saved(PHOTOGRAPH.convert("YCbCr"), "TIFF"), "photometric interpretation 6"),
        (saved(PHOTOGRAPH.convert("LA"), "TIFF"), "2 samples of 8 bits"),
        (
            tiff(GREY.astype(np.uint16), photometric="miniswhite"),
            "1 samples of 16 bits and photometric interpretation 0",
        ),
    ],
)
def test_other_tiff_kinds_are_refused(content: bytes, told: str) -> None:
    with pytest.raises(ImageError, match=told):
        decode(content)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((300, 400), np.uint8),
        RANDOM.integers(0, 256, (300, 400), np.uint8),
        np.tile(np.arange(200, dtype=np.uint8), (100, 5)),
        GREY,
        GREY[:1, :1],
    ],
    ids=["one value", "noise", "ramps", "photograph", "one pixel"],
)
def test_the_length_of_lzw_data_is_found_without_decoding(pixels: np.ndarray) -> None:
    content = saved(Image.fromarray(pixels), "TIFF", compression="tiff_lzw", strip_size=2**24)
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        page = file.pages[0]
        (offset,), (length,) = page.dataoffsets, page.databytecounts
    assert lzw_length(content[offset : offset + length], 2**40) == pixels.size
