"""Cut, corrupt and hostile files: each decodes to what it was or is an ImageError, and never anything else."""

import io
import struct
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from crbl_runtime.errors import ImageError
from crbl_runtime.image import MAX_PIXELS, decode
from image_files import (
    ALPHA,
    COLOUR,
    GREY,
    HEIGHT,
    PHOTOGRAPH,
    WIDTH,
    gif,
    png,
    png_file,
    png_header,
    png_rows,
    rle_bmp,
    saved,
    tiff,
)

FILES = {
    "jpeg": saved(PHOTOGRAPH, "JPEG", quality=85),
    "jpeg progressive": saved(PHOTOGRAPH, "JPEG", progressive=True, optimize=True),
    "jpeg restarts": saved(PHOTOGRAPH, "JPEG", restart_marker_rows=1),
    "png": saved(PHOTOGRAPH, "PNG"),
    "png palette": saved(PHOTOGRAPH.quantize(60), "PNG"),
    "png interlaced": png(COLOUR, 8, 2, interlaced=True),
    "png 16-bit": png(COLOUR.astype(int) * 257, 16, 2),
    "bmp": saved(PHOTOGRAPH, "BMP"),
    "bmp palette": saved(PHOTOGRAPH.quantize(60), "BMP"),
    "bmp rle": rle_bmp(GREY),
    "gif": saved(PHOTOGRAPH.quantize(60), "GIF", interlace=0),
    "gif interlaced": saved(PHOTOGRAPH.quantize(60), "GIF", interlace=1),
    "ppm": saved(PHOTOGRAPH, "PPM"),
    "pgm 16-bit": saved(Image.fromarray(ALPHA.astype(np.uint16) * 257), "PPM"),
    "jpeg cmyk": saved(PHOTOGRAPH.convert("CMYK"), "JPEG"),
    "jpeg 2000": saved(PHOTOGRAPH, "JPEG2000"),
    "jpeg 2000 lossy": saved(PHOTOGRAPH, "JPEG2000", irreversible=True, quality_mode="rates", quality_layers=[20]),
    "avif": saved(PHOTOGRAPH, "AVIF"),
    "webp": saved(PHOTOGRAPH, "WEBP"),
    "webp lossless": saved(PHOTOGRAPH, "WEBP", lossless=True),
    "webp alpha": saved(Image.fromarray(np.dstack([COLOUR, ALPHA])), "WEBP"),
    "tiff": saved(PHOTOGRAPH, "TIFF"),
    "tiff lzw": saved(PHOTOGRAPH, "TIFF", compression="tiff_lzw"),
    "tiff deflate": saved(PHOTOGRAPH, "TIFF", compression="tiff_deflate"),
    "tiff packbits": saved(PHOTOGRAPH, "TIFF", compression="packbits"),
    "tiff lzma": saved(PHOTOGRAPH, "TIFF", compression="lzma"),
    "tiff jpeg": saved(PHOTOGRAPH, "TIFF", compression="jpeg"),
    "tiff 16-bit": tiff(COLOUR.astype(np.uint16) * 257, photometric="rgb"),
    "tiff palette": saved(PHOTOGRAPH.quantize(60), "TIFF", compression="tiff_lzw"),
    "tiff tiles": tiff(COLOUR, photometric="rgb", tile=(64, 48)),
}
# What the pixels do not need: a TIFF's offset of a next directory, the checksum of an empty PNG chunk, the padding of
# a BMP's last row, the end markers of a GIF.
SPARE_BYTES = {
    **{"tiff": 4, "tiff lzw": 4, "tiff deflate": 4, "tiff packbits": 4, "tiff lzma": 4},
    **{"png": 5, "png palette": 5, "png interlaced": 5, "png 16-bit": 5},
    **{"bmp": 2, "bmp palette": 4, "bmp rle": 3, "gif": 3, "gif interlaced": 3},
}


# Decoded by Pillow itself or by libraries that print nothing; libtiff and some AVIF decoders print what they meet.
SILENT = [kind for kind in FILES if not kind.startswith(("tiff ", "avif")) or kind == "tiff tiles"]


def refused(image: Any) -> str:
    with pytest.raises(ImageError) as caught:
        decode(image)
    return str(caught.value)


@pytest.mark.parametrize("kind", FILES)
def test_a_file_cut_anywhere_is_refused(kind: str) -> None:
    content = FILES[kind]
    last = len(content) - SPARE_BYTES.get(kind, 1)
    cuts = np.unique(np.concatenate([np.arange(64), np.linspace(0, last, 60).astype(int), last - np.arange(24)]))
    for cut in cuts:
        assert refused(content[:cut]).startswith("bytes: ")


@pytest.mark.parametrize("kind", FILES)
def test_bytes_after_the_end_change_nothing(kind: str) -> None:
    expected = decode(FILES[kind])
    for junk in (b"\0", b"\xff\xd9", bytes(1000), FILES["jpeg"]):
        assert np.array_equal(decode(FILES[kind] + junk), expected)


def mutated(content: bytes, random: np.random.Generator) -> bytes:
    """The file with a few bytes changed and, sometimes, a piece lost, doubled or cut off."""
    changed = bytearray(content)
    # Half of the changes hit the header, which is where decoders can be led astray.
    reach = len(changed) if random.integers(2) else min(200, len(changed))
    for _ in range(random.integers(1, 5)):
        changed[random.integers(0, reach)] = random.integers(0, 256)
    start, length = random.integers(0, len(changed)), random.integers(1, 100)
    piece = changed[start : start + length]
    return bytes(
        changed[:start] + (b"", piece, piece * 2, piece, piece)[random.integers(5)] + changed[start + length :]
    )


@pytest.mark.parametrize("kind", FILES)
def test_changed_files_decode_or_are_refused_and_print_nothing(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(list(kind.encode()))
    outcomes = {"decoded": 0, "refused": 0}
    for _ in range(150):
        try:
            image = decode(mutated(FILES[kind], random))
        except ImageError:
            outcomes["refused"] += 1
        else:
            outcomes["decoded"] += 1
            assert image.dtype == np.uint8
            assert image.ndim == 3
            assert image.shape[2] == 3
    assert outcomes["refused"] > 0
    if kind in SILENT:
        assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "kind", ["png", "png palette", "png 16-bit", "tiff lzw", "tiff deflate", "tiff lzma", "tiff palette"]
)
def test_a_file_whose_middle_was_lost_in_place_is_refused(kind: str) -> None:
    # A file system that lost power gives a file of the right length with zeros in it.
    content = FILES[kind]
    for fill in (b"\0", b"\xff"):
        start, end = len(content) // 3, len(content) * 2 // 3
        assert "damaged" in refused(content[:start] + fill * (end - start) + content[end:])


@pytest.mark.parametrize("signature", [FILES[kind][:12] for kind in FILES], ids=list(FILES))
def test_garbage_after_a_true_signature_is_refused(signature: bytes) -> None:
    random = np.random.default_rng(1)
    for length in (0, 1, 10, 100, 10_000):
        refused(signature + random.bytes(length))
        refused(signature + bytes(length))


def test_garbage_is_refused() -> None:
    random = np.random.default_rng(2)
    for length in range(1, 300):
        refused(random.bytes(length))


def peak_bytes(content: bytes) -> int:
    tracemalloc.start()
    refused(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def declared(kind: str, width: int, height: int) -> bytes:
    """A small file whose header declares this size."""
    content = bytearray(FILES[kind])
    if kind == "png":
        return png_file(png_header(width, height), zlib.compress(bytes(1000)))
    if kind == "bmp":
        struct.pack_into("<ii", content, 18, width, height)
    if kind == "jpeg":
        struct.pack_into(">HH", content, content.index(b"\xff\xc0") + 5, height, width)
    if kind == "webp":
        struct.pack_into("<HH", content, content.index(b"\x9d\x01\x2a") + 3, width, height)
    if kind == "webp lossless":
        struct.pack_into("<I", content, 21, (width - 1) | (height - 1) << 14)
    if kind == "tiff":
        (directory,) = struct.unpack_from("<I", content, 4)
        for entry in range(directory + 2, directory + 26, 12):
            tag, _ = struct.unpack_from("<HH", content, entry)
            if tag in (256, 257):
                struct.pack_into("<HHII", content, entry, tag, 4, 1, width if tag == 256 else height)
    return bytes(content)


@pytest.mark.parametrize(
    ("kind", "width", "height"),
    [
        ("png", 2**31 - 1, 2**31 - 1),
        ("png", 2**30, 1),
        ("png", 20_000, 20_000),
        ("png", 12_000, 12_000),
        ("jpeg", 12_000, 12_000),
        ("bmp", 2**31 - 1, 2**31 - 1),
        ("bmp", 20_000, -20_000),
        ("jpeg", 65_500, 65_500),
        ("webp", 16_383, 16_383),
        ("webp lossless", 16_384, 16_384),
        ("tiff", 2**32 - 1, 2**32 - 1),
        ("tiff", 2**14, 2**14),
    ],
)
def test_a_bomb_is_refused_by_its_header(kind: str, width: int, height: int) -> None:
    content = declared(kind, width, height)
    message = refused(content)
    # Pillow has a limit of its own, which is sometimes met first.
    ours = f"declares {width} x {abs(height)} pixels, more than the limit of {MAX_PIXELS:,}"
    assert ours in message or f"declares too many pixels: Image size ({width * abs(height)} pixels)" in message
    assert peak_bytes(content) < 2**20


@pytest.mark.parametrize("kind", ["png", "bmp", "jpeg", "webp", "tiff"])
@pytest.mark.parametrize(("width", "height"), [(0, 10), (10, 0), (0, 0)])
def test_an_image_without_pixels_is_refused(kind: str, width: int, height: int) -> None:
    assert "damaged image" in refused(declared(kind, width, height))


@pytest.mark.parametrize("kind", ["png", "bmp", "jpeg", "webp", "webp lossless", "tiff"])
def test_an_image_larger_than_its_data_is_refused(kind: str) -> None:
    assert "damaged" in refused(declared(kind, 3000, 4000))


def test_pixel_data_that_inflate_without_end_cost_no_memory() -> None:
    content = png_file(png_header(100, 100), zlib.compress(bytes(2**26)))
    tracemalloc.start()
    assert not decode(content).any()
    assert tracemalloc.get_traced_memory()[1] < 2**23
    tracemalloc.stop()


@pytest.mark.parametrize("interlaced", [False, True])
def test_png_pixel_data_that_are_short_within_sound_chunks_are_refused(interlaced: bool) -> None:
    rows = png_rows(COLOUR, 8, interlaced)
    header = png_header(WIDTH, HEIGHT, interlaced=interlaced)
    whole = zlib.compress(rows)
    assert np.array_equal(decode(png_file(header, whole)), COLOUR)
    # A byte too many, or a checksum that is not there, loses no row.
    for sound in (zlib.compress(rows + b"\0"), whole[:-1], whole[:-4]):
        assert np.array_equal(decode(png_file(header, sound)), COLOUR)
    row = 1 + 3 * WIDTH
    for lost in (1, row - 1, row, row + 1, 10 * row, len(rows) - row, len(rows)):
        assert "damaged image" in refused(png_file(header, zlib.compress(rows[:-lost])))
    for corrupt in (whole[:-500], whole[:-4] + b"abcd", b"not zlib at all", b"", zlib.compress(b"\x07" + rows[1:])):
        assert "damaged image" in refused(png_file(header, corrupt))


@pytest.mark.parametrize(("depth", "colour_type"), [(1, 0), (8, 0), (16, 0), (8, 2), (16, 2), (8, 4), (16, 4), (16, 6)])
def test_png_rows_that_are_missing_are_told_from_black_ones(depth: int, colour_type: int) -> None:
    samples = np.zeros((9, 7, {0: 1, 2: 3, 4: 2, 6: 4}[colour_type]), int)
    header = png_header(7, 9, depth, colour_type)
    rows = png_rows(samples, depth)
    assert decode(png_file(header, zlib.compress(rows))).shape == (9, 7, 3)
    assert "before the last row" in refused(png_file(header, zlib.compress(rows[: -len(rows) // 9])))


def test_gif_data_that_end_before_the_last_row_are_refused() -> None:
    pixels = [256, *[7] * 200, 256, *[9] * 56]
    assert decode(gif([*pixels, 257], 16, 16))[-1, -1].tolist() == [27, 28, 29]
    for short in ([*pixels[:100], 257], pixels[:100], [*pixels[:100], 257, *[5] * 200], [257], []):
        assert "damaged image" in refused(gif(short, 16, 16))


def test_png_checksums_are_checked() -> None:
    content = bytearray(FILES["png"])
    content[content.index(b"IDAT") + 100] ^= 1
    assert "checksum in b'IDAT'" in refused(content)


@pytest.mark.parametrize(("depth", "colour_type"), [(3, 0), (16, 3), (4, 2), (8, 5), (0, 0)])
def test_png_kinds_that_do_not_exist_are_refused(depth: int, colour_type: int) -> None:
    assert "damaged image" in refused(png_file(png_header(4, 4, depth, colour_type), zlib.compress(bytes(500))))


def test_a_jpeg_with_its_scan_removed_is_refused() -> None:
    content = FILES["jpeg"]
    scan = content.index(b"\xff\xda")
    assert "before the last row" in refused(content[: scan + 14] + b"\xff\xd9")
    assert "before the last row" in refused(content[: scan + 74] + b"\xff\xd9")
    assert "no end-of-image marker" in refused(content[:-2])
    assert "damaged image" in refused(b"\xff\xd8\xff\xd9" + content)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"restart_marker_rows": 1}, {"restart_marker_blocks": 2}])
def test_a_jpeg_that_was_cut_and_given_an_end_again_is_refused(mode: str, options: dict[str, Any]) -> None:
    content = saved(PHOTOGRAPH.convert(mode), "JPEG", **options)
    after_a_fill_byte = content.index(b"\xff\0", content.index(b"\xff\xda")) + 1
    for cut in [after_a_fill_byte, *np.linspace(content.index(b"\xff\xda") + 14, len(content) - 100, 40).astype(int)]:
        assert "damaged image" in refused(content[:cut] + b"\xff\xd9")


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"restart_marker_rows": 1}, {"progressive": True}])
def test_a_jpeg_that_ends_in_mid_grey_is_whole(mode: str, options: dict[str, Any]) -> None:
    grey = Image.new("L", (50, 40), 128)
    image = Image.merge("CMYK", [grey] * 4) if mode == "CMYK" else grey.convert(mode)
    assert decode(saved(image, "JPEG", **options)).std() == 0


def test_blank_jpegs_are_long_enough() -> None:
    for shape in ((2000, 3000, 3), (1, 1, 3), (17, 4001, 3), (999, 1001)):
        blank = Image.fromarray(np.full(shape, 255, np.uint8))
        for options in ({}, {"optimize": True}, {"progressive": True}):
            assert (decode(saved(blank, "JPEG", **options)) == 255).all()


def test_jpeg_kinds_that_could_only_be_guessed_at_are_refused() -> None:
    content = FILES["jpeg"]
    frame = content.index(b"\xff\xc0")
    lossless = content[: frame + 1] + b"\xc3" + content[frame + 2 :]
    deep = content[: frame + 4] + b"\x0c" + content[frame + 5 :]
    assert "lossless, hierarchical or arithmetic-coded JPEG is not supported" in refused(lossless)
    assert "JPEG header is cut off, corrupt or of a kind that Pillow does not read" in refused(deep)


@pytest.mark.parametrize("kind", ["tiff", "tiff lzw", "tiff deflate", "tiff packbits"])
def test_a_tiff_strip_shorter_than_its_rows_is_refused(kind: str) -> None:
    with tifffile.TiffFile(io.BytesIO(FILES[kind])) as file:
        tag = file.pages[0].tags["StripByteCounts"]
        position, length = tag.valueoffset, tag.value[-1]
    for shorter in (0, 1, length // 2, length - 20):
        content = bytearray(FILES[kind])
        struct.pack_into("<H" if tag.dtype == 3 else "<I", content, position, shorter)
        assert "damaged" in refused(content)


def test_a_tiff_whose_jpeg_strip_has_no_end_is_refused() -> None:
    content = FILES["tiff jpeg"]
    assert "no end-of-image marker" in refused(content.replace(b"\xff\xd9", b"\0\0"))


def test_a_tiff_with_tiles_far_larger_than_its_image_is_refused() -> None:
    content = bytearray(FILES["tiff tiles"])
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        tags = file.pages[0].tags
        for name in ("TileWidth", "TileLength"):
            assert tags[name].dtype == 4
            struct.pack_into("<I", content, tags[name].valueoffset, 65520)
    assert "declares 65520 x 65520 pixels" in refused(content)


def test_a_damaged_pil_file_is_an_error_too() -> None:
    for kind in ("jpeg", "png", "tiff lzw", "webp"):
        content = FILES[kind]
        try:
            image = Image.open(io.BytesIO(content[: len(content) // 2] + bytes(10)))
        except OSError:
            continue  # Pillow refuses it before it becomes an image.
        assert "Pillow cannot load it" in refused(image)
