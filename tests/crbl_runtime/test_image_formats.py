"""What each file format can hold, decoded: bit depths, palettes, transparency, orientation, layouts."""

import io
import struct
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from crbl_runtime.errors import ImageError
from crbl_runtime.image import decode
from image_files import (
    ALPHA,
    COLOUR,
    GREY,
    GREY_PALETTE,
    HEIGHT,
    NEGATIVE,
    PHOTOGRAPH,
    WIDTH,
    bmp,
    grey3,
    over_white,
    png,
    png_chunk,
    rle_bmp,
    saved,
    scaled,
    tiff,
)

RANDOM = np.random.default_rng(0)
COLOUR_16 = RANDOM.integers(0, 65536, COLOUR.shape, np.uint16)


def exif_of(orientation: int) -> bytes:
    return b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes([orientation]) + bytes(6)


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
    before = png_chunk(b"PLTE", palette.tobytes())
    if translucent:
        # A tRNS chunk may be shorter than the palette; the other colours are opaque.
        alpha[: colours // 2] = RANDOM.integers(0, 256, colours // 2)
        before += png_chunk(b"tRNS", alpha[: colours // 2].tobytes())
    indices = RANDOM.integers(0, colours, (11, 19, 1))
    expected = over_white(palette, alpha)[indices[..., 0]]
    assert np.array_equal(decode(png(indices, depth, 3, before=before)), expected)


def test_png_palette_too_short_for_its_pixels_is_refused() -> None:
    content = png(np.array([[[0], [2]]]), 8, 3, before=png_chunk(b"PLTE", bytes(6)))
    with pytest.raises(ImageError, match="palette index 2 and the palette 2 colours"):
        decode(content)


@pytest.mark.parametrize(("depth", "colour_type"), [(1, 0), (2, 0), (4, 0), (8, 0), (16, 0), (8, 2), (16, 2)])
def test_png_colour_key_becomes_white(depth: int, colour_type: int) -> None:
    channels = 3 if colour_type == 2 else 1
    samples = RANDOM.integers(0, 2**depth, (9, 14, channels))
    key = samples[4, 5]
    before = png_chunk(b"tRNS", struct.pack(f">{channels}H", *key))
    small = scaled(samples) if depth == 16 else samples * (255 // (2**depth - 1) if depth < 8 else 1)
    expected = np.where((samples == key).all(axis=2, keepdims=True), 255, np.broadcast_to(small, (9, 14, 3)))
    assert np.array_equal(decode(png(samples, depth, colour_type, before=before)), expected)


def test_a_16_bit_colour_key_is_compared_before_scaling() -> None:
    samples = np.array([[[1000], [1001]]])
    assert decode(png(samples, 16, 0, before=png_chunk(b"tRNS", struct.pack(">H", 1000))))[0, :, 0].tolist() == [255, 4]


def test_png_orientation_after_the_pixels_is_read() -> None:
    exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x03\0\0\0\0\0\0"
    assert np.array_equal(decode(png(COLOUR.astype(int), 8, 2, after=png_chunk(b"eXIf", exif))), COLOUR[::-1, ::-1])


def test_of_an_animated_png_the_still_image_is_taken() -> None:
    frames = [Image.fromarray(255 - COLOUR)]
    assert np.array_equal(decode(saved(PHOTOGRAPH, "PNG", save_all=True, append_images=frames)), COLOUR)


def test_colour_management_chunks_change_no_pixel() -> None:
    before = png_chunk(b"gAMA", struct.pack(">I", 10000)) + png_chunk(b"sRGB", b"\0") + png_chunk(b"bKGD", bytes(6))
    assert np.array_equal(decode(png(COLOUR.astype(int), 8, 2, before=before)), COLOUR)


# BMP ---------------------------------------------------------------------------------------------------------------


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
    with pytest.raises(ImageError, match="palette index 9 and the palette"):
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


@pytest.mark.parametrize("top_down", [False, True])
@pytest.mark.parametrize("bits", [1, 4, 8, 16, 24, 32])
def test_bmp_needs_no_padding_after_its_last_pixel(bits: int, top_down: bool, tmp_path: Path) -> None:
    random = np.random.default_rng(bits)
    palette = random.bytes(4 << bits) if bits <= 8 else b""
    for width in (1, 2, 3, 5, 30, 137):
        row_bytes = -(-width * bits // 8)
        padding = -row_bytes % 4
        content = bytearray(bmp([random.bytes(row_bytes) for _ in range(7)], width, bits, palette=palette))
        if top_down:
            struct.pack_into("<i", content, 22, -7)
        whole = decode(bytes(content))
        for missing in range(padding + 1):
            short = bytes(content[: len(content) - missing])
            (tmp_path / "short.bmp").write_bytes(short)
            assert np.array_equal(decode(short), whole)
            assert np.array_equal(decode(Image.open(tmp_path / "short.bmp")), whole)
        with pytest.raises(ImageError, match="truncated"):
            decode(bytes(content[: len(content) - padding - 1]))


def test_bmp_with_the_oldest_header() -> None:
    pixels = b"".join(row.tobytes() + bytes(-3 * WIDTH % 4) for row in COLOUR[::-1, :, ::-1])
    content = b"BM" + struct.pack("<IHHIIHHHH", 26 + len(pixels), 0, 0, 26, 12, WIDTH, HEIGHT, 1, 24) + pixels
    assert np.array_equal(decode(content), COLOUR)


@pytest.mark.parametrize(("bits", "compression"), [(8, 3), (24, 4), (0, 0), (64, 0)])
def test_bmp_kinds_that_pillow_does_not_know_are_refused(bits: int, compression: int) -> None:
    with pytest.raises(ImageError, match="damaged image"):
        decode(bmp([bytes(64)] * 4, 4, bits, compression=compression, palette=bytes(1024)))


def test_bmp_of_16_bits_a_pixel_is_five_bits_a_colour() -> None:
    values = RANDOM.integers(0, 32, (5, 7, 3))
    pixels = (values << (10, 5, 0)).sum(axis=2).astype("<u2")
    expected = (values * 255) // 31
    assert np.array_equal(decode(bmp([row.tobytes() for row in pixels], 7, 16)), expected)


def test_bmp_with_run_lengths() -> None:
    assert np.array_equal(decode(rle_bmp(GREY)), grey3(GREY))
    rows = [bytes([WIDTH, 100]) + b"\0\0"] * 4
    content = bmp(rows, WIDTH, 8, palette=GREY_PALETTE, compression=1)
    assert (decode(content) == 100).all()
    with pytest.raises(ImageError, match="damaged image"):
        decode(content.replace(rows[0] * 4, rows[0] * 3 + b"\0\1"))


# WebP and JPEG -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 60}, {"quality": 100, "method": 6}])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_webp_decodes_as_in_pillow(mode: str, options: dict[str, Any]) -> None:
    image = Image.fromarray(np.dstack([COLOUR, ALPHA])) if mode == "RGBA" else PHOTOGRAPH
    content = saved(image, "WEBP", exact=True, **options)
    pixels = np.asarray(Image.open(io.BytesIO(content)))
    expected = over_white(pixels[..., :3], pixels[..., 3]) if mode == "RGBA" else pixels
    assert np.array_equal(decode(content), expected)


@pytest.mark.parametrize("file_format", ["WEBP", "PNG", "GIF", "TIFF", "MPO", "AVIF"])
def test_of_several_frames_or_pages_the_first_is_taken(file_format: str) -> None:
    still = decode(saved(PHOTOGRAPH, "JPEG" if file_format == "MPO" else file_format))
    content = saved(PHOTOGRAPH, file_format, save_all=True, append_images=[NEGATIVE])
    assert np.abs(decode(content).astype(int) - still).mean() < 5
    assert np.array_equal(decode(content), np.asarray(Image.open(io.BytesIO(content)).convert("RGB")))


def test_jpeg_with_inks_is_converted_without_a_profile() -> None:
    content = saved(PHOTOGRAPH.convert("CMYK"), "JPEG", quality=95)
    assert np.array_equal(decode(content), np.asarray(Image.open(io.BytesIO(content)).convert("RGB")))
    assert np.abs(decode(content).astype(int) - COLOUR).mean() < 3


def test_jpeg_in_ycck_is_converted_without_a_profile() -> None:
    # What libjpeg writes as CMYK differs from YCCK by the transform in its Adobe segment.
    content = saved(Image.merge("CMYK", [Image.fromarray(GREY)] * 4), "JPEG")
    adobe = content.index(b"Adobe") + 11
    assert content[adobe] == 0
    ycck = content[:adobe] + b"\x02" + content[adobe + 1 :]
    assert np.array_equal(decode(ycck), np.asarray(Image.open(io.BytesIO(ycck)).convert("RGB")))
    assert not np.array_equal(decode(ycck), decode(content))


@pytest.mark.parametrize("interlace", [0, 1])
def test_gif_palettes_and_transparency(interlace: int) -> None:
    image = PHOTOGRAPH.quantize(100)
    colours = np.asarray(image.convert("RGB"))
    assert np.array_equal(decode(saved(image, "GIF", interlace=interlace)), colours)
    transparent = saved(image, "GIF", interlace=interlace, transparency=7, optimize=False)
    expected = np.where(np.asarray(image)[..., np.newaxis] == 7, 255, colours)
    assert np.array_equal(decode(transparent), expected)


@pytest.mark.parametrize("maximum", [1, 15, 255, 4095, 65535])
def test_pnm_of_every_depth(maximum: int) -> None:
    samples = RANDOM.integers(0, maximum + 1, (5, 7, 3))
    stored = samples.astype(">u2" if maximum > 255 else "u1")
    expected = np.round(samples * 255 / maximum)
    assert np.array_equal(decode(b"P6 7 5 %d\n" % maximum + stored.tobytes()), expected)
    assert np.abs(decode(b"P5 7 5 %d\n" % maximum + stored[..., 0].tobytes()) - grey3(expected[..., 0])).max() <= 1
    plain = b"P3 7 5 %d " % maximum + " ".join(map(str, samples.ravel())).encode()
    assert np.array_equal(decode(plain), expected)
    for short in (plain.rsplit(b" ", 1)[0], b"P6 7 5 %d\n" % maximum + stored.tobytes()[:-1]):
        with pytest.raises(ImageError, match="damaged image"):
            decode(short)


@pytest.mark.parametrize("no_jp2", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_jpeg_2000_gives_the_pixels_that_were_saved(mode: str, no_jp2: bool) -> None:
    rgba = Image.fromarray(np.dstack([COLOUR, ALPHA]))
    image, expected = {
        "L": (Image.fromarray(GREY), grey3(GREY)),
        "RGB": (PHOTOGRAPH, COLOUR),
        "RGBA": (rgba, over_white(COLOUR, ALPHA)),
    }[mode]
    assert np.array_equal(decode(saved(image, "JPEG2000", no_jp2=no_jp2)), expected)


def test_jpeg_2000_with_16_bits_is_exact_or_refused() -> None:
    grey = GREY.astype(np.uint16) * 250
    assert np.array_equal(decode(saved(Image.fromarray(grey), "JPEG2000")), grey3(scaled(grey)))
    content = saved(PHOTOGRAPH, "JPEG2000", no_jp2=True)
    siz = content.index(b"\xff\x51") + 40
    assert content[siz] == 7
    with pytest.raises(ImageError, match="JPEG 2000 in colour with more than 8 bits is not supported"):
        decode(content[:siz] + b"\x0f" + content[siz + 1 :])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_avif_orientation_is_applied_once(orientation: int) -> None:
    content = oriented("AVIF", orientation)
    image = Image.open(io.BytesIO(content))
    assert np.array_equal(decode(content), np.asarray(ImageOps.exif_transpose(image)))


def test_heic_is_read_where_pillow_heif_is_installed() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    pillow_heif.from_pillow(PHOTOGRAPH).save(file, quality=95)
    before = dict(Image.OPEN)
    assert np.abs(decode(file.getvalue()).astype(int) - COLOUR).mean() < 3
    assert before == Image.OPEN
    for cut in (100, len(file.getvalue()) // 2, len(file.getvalue()) - 1):
        with pytest.raises(ImageError):
            decode(file.getvalue()[:cut])


def test_heic_without_pillow_heif_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match=r"HEIC is read with .* missing. Install it with `pip install pillow-heif`"):
        decode(b"\0\0\0\x18ftypheic" + bytes(100))


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


@pytest.mark.parametrize(
    "options", [{}, {"byteorder": ">"}, {"tile": (64, 48)}, {"rowsperstrip": 7}, {"bigtiff": True}, {"tile": (16, 16)}]
)
def test_tiff_of_every_layout(options: dict[str, Any]) -> None:
    assert np.array_equal(decode(tiff(COLOUR, photometric="rgb", **options)), COLOUR)
    assert np.array_equal(decode(tiff(COLOUR_16, photometric="rgb", **options)), scaled(COLOUR_16))


def test_tiff_with_separate_planes() -> None:
    planes = {"photometric": "rgb", "planarconfig": "separate", "rowsperstrip": 30}
    assert np.array_equal(decode(tiff(np.ascontiguousarray(COLOUR.transpose(2, 0, 1)), **planes)), COLOUR)
    with pytest.raises(ImageError, match=r"16-bit TIFF with separate planes, .* is not supported"):
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


def test_16_bit_colour_is_read_as_opencv_reads_it() -> None:
    rgba = np.dstack([COLOUR_16, ALPHA.astype(np.uint16) * 200])
    for samples in (COLOUR_16, rgba):
        for extension in (".png", ".tiff"):
            content = cv2.imencode(extension, samples[..., [2, 1, 0, 3][: samples.shape[2]]])[1].tobytes()
            read = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
            assert read.dtype == np.uint16
            assert np.array_equal(decode(content), decode(read[..., [2, 1, 0, 3][: samples.shape[2]]]))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_16_bit_colour_is_turned_once(orientation: int) -> None:
    content = tiff(COLOUR_16, photometric="rgb", extratags=[(0x0112, 3, 1, orientation, True)])
    expected = decode(saved(Image.fromarray(decode(COLOUR_16)), "TIFF", exif=b"Exif\0\0" + exif_of(orientation)))
    assert np.array_equal(decode(content), expected)
    png_content = png(COLOUR_16.astype(int), 16, 2, before=png_chunk(b"eXIf", exif_of(orientation)))
    assert np.array_equal(decode(png_content), expected)


def test_tiff_where_white_is_zero() -> None:
    assert np.array_equal(decode(tiff(GREY, photometric="miniswhite")), grey3(255 - GREY))


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
    with pytest.raises(ImageError, match=r"TIFF with .* is not supported|TIFF header is .* of a kind that Pillow does"):
        decode(tiff(samples, photometric="minisblack"))


def tiff_of_compression(number: int) -> bytes:
    content = saved(PHOTOGRAPH, "TIFF")
    entry = content.index(struct.pack("<HHI", 259, 3, 1))
    return content[: entry + 8] + struct.pack("<H", number) + content[entry + 10 :]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (saved(PHOTOGRAPH.convert("1"), "TIFF", compression="group4"), "TIFF compression 4 "),
        (tiff_of_compression(50000), "TIFF compression 50000 "),
        (saved(PHOTOGRAPH.convert("YCbCr"), "TIFF"), "TIFF in YCbCr without JPEG compression"),
        (saved(PHOTOGRAPH.convert("LAB"), "TIFF"), "PIL mode 'LAB' has no exact conversion"),
        (tiff(GREY.astype(np.uint16), photometric="miniswhite"), "16-bit TIFF with .* white as zero"),
        (tiff(GREY.astype(np.uint32), photometric="minisblack"), "TIFF with samples of 32 bits"),
    ],
)
def test_tiff_kinds_that_could_only_be_guessed_at_are_refused(content: bytes, told: str) -> None:
    for image in (content, Image.open(io.BytesIO(content))):
        with pytest.raises(ImageError, match=told):
            decode(image)


@pytest.mark.parametrize("options", [{"compression": "jpeg"}, {"compression": "lzma"}, {}])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK", "LA"])
def test_other_tiff_kinds_are_read_as_in_pillow(mode: str, options: dict[str, Any]) -> None:
    if mode == "LA" and options.get("compression") == "jpeg":
        pytest.skip("Pillow does not write it")
    image = PHOTOGRAPH.convert(mode)
    content = saved(image, "TIFF", **options)
    assert np.array_equal(decode(content), decode(Image.open(io.BytesIO(content))))
    assert np.abs(decode(content).astype(int) - np.asarray(image.convert("RGB"))).mean() < 5
