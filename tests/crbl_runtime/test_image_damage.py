"""Cut, corrupt and hostile files: each decodes to what it was or is a ImageError, and never anything else."""

import io
import struct
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
import skimage.data
import tifffile
from PIL import Image

from crbl_runtime.errors import ImageError
from crbl_runtime.image import MAX_PIXELS, decode
from crbl_runtime.image_file.inflate import inflated_length

COLOUR = skimage.data.astronaut()[60:161, 180:317]
PHOTOGRAPH = Image.fromarray(COLOUR)
ALPHA = np.random.default_rng(0).integers(0, 256, COLOUR.shape[:2], np.uint8)


def saved(image: Image.Image, file_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def tiled_tiff() -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, COLOUR, photometric="rgb", tile=(64, 48))
    return file.getvalue()


FILES = {
    "jpeg": saved(PHOTOGRAPH, "JPEG", quality=85),
    "jpeg progressive": saved(PHOTOGRAPH, "JPEG", progressive=True, optimize=True),
    "jpeg restarts": saved(PHOTOGRAPH, "JPEG", restart_marker_rows=1),
    "png": saved(PHOTOGRAPH, "PNG"),
    "png palette": saved(PHOTOGRAPH.quantize(60), "PNG"),
    "bmp": saved(PHOTOGRAPH, "BMP"),
    "bmp palette": saved(PHOTOGRAPH.quantize(60), "BMP"),
    "webp": saved(PHOTOGRAPH, "WEBP"),
    "webp lossless": saved(PHOTOGRAPH, "WEBP", lossless=True),
    "webp alpha": saved(Image.fromarray(np.dstack([COLOUR, ALPHA])), "WEBP"),
    "tiff": saved(PHOTOGRAPH, "TIFF"),
    "tiff lzw": saved(PHOTOGRAPH, "TIFF", compression="tiff_lzw"),
    "tiff deflate": saved(PHOTOGRAPH, "TIFF", compression="tiff_deflate"),
    "tiff packbits": saved(PHOTOGRAPH, "TIFF", compression="packbits"),
    "tiff palette": saved(PHOTOGRAPH.quantize(60), "TIFF", compression="tiff_lzw"),
    "tiff tiles": tiled_tiff(),
}
# A TIFF may end in the offset of a next directory, of which the first page needs nothing.
SPARE_BYTES = {"tiff": 4, "tiff lzw": 4, "tiff deflate": 4, "tiff packbits": 4}


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


@pytest.mark.parametrize("kind", FILES)
def test_changed_bytes_decode_or_are_refused(kind: str) -> None:
    random = np.random.default_rng(list(kind.encode()))
    outcomes = {"decoded": 0, "refused": 0}
    for trial in range(150):
        content = bytearray(FILES[kind])
        # Half of the trials hit the header, which is where decoders can be led astray.
        reach = len(content) if trial % 2 else 200
        for _ in range(random.integers(1, 5)):
            content[random.integers(0, reach)] = random.integers(0, 256)
        try:
            image = decode(content)
        except ImageError:
            outcomes["refused"] += 1
        else:
            outcomes["decoded"] += 1
            assert image.dtype == np.uint8
            assert image.ndim == 3
            assert image.shape[2] == 3
    assert outcomes["refused"] > 0


@pytest.mark.parametrize("kind", ["png", "png palette", "tiff lzw", "tiff deflate", "tiff palette"])
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


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_file(width: int, height: int, raw: bytes, colour_type: int = 2, depth: int = 8) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", raw) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def declared(kind: str, width: int, height: int) -> bytes:
    """A small file whose header declares this size."""
    content = bytearray(FILES[kind])
    if kind == "png":
        return png_file(width, height, zlib.compress(bytes(1000)))
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
    assert f"declares {width} x {abs(height)} pixels, more than the limit of {MAX_PIXELS:,}" in message
    assert peak_bytes(content) < 2**20


@pytest.mark.parametrize("kind", ["png", "bmp", "jpeg", "webp", "tiff"])
@pytest.mark.parametrize(("width", "height"), [(0, 10), (10, 0), (0, 0)])
def test_an_image_without_pixels_is_refused(kind: str, width: int, height: int) -> None:
    assert f"declares {width} x {height} pixels" in refused(declared(kind, width, height))


@pytest.mark.parametrize("kind", ["png", "bmp", "jpeg", "webp", "webp lossless", "tiff"])
def test_an_image_larger_than_its_data_is_refused(kind: str) -> None:
    assert "damaged" in refused(declared(kind, 3000, 4000))


def test_pixel_data_that_inflate_without_end_cost_no_memory() -> None:
    bomb = zlib.compress(bytes(2**26))
    assert inflated_length([bomb], 30_100)[0] < 2**22
    content = png_file(100, 100, bomb)
    assert "do not have the 30,100 bytes" in refused(content)
    assert peak_bytes(content) < 2**23


def test_png_pixel_data_that_are_short_within_sound_chunks_are_refused() -> None:
    rows = b"".join(b"\0" + row.tobytes() for row in COLOUR)
    height, width, _ = COLOUR.shape
    assert np.array_equal(decode(png_file(width, height, zlib.compress(rows))), COLOUR)
    assert "do not have" in refused(png_file(width, height, zlib.compress(rows[:-1])))
    assert "do not have" in refused(png_file(width, height, zlib.compress(rows + b"\0")))
    assert "do not have" in refused(png_file(width, height, zlib.compress(rows)[:-500]))
    assert "do not have" in refused(png_file(width, height, zlib.compress(rows)[:-1]))
    assert "corrupt" in refused(png_file(width, height, zlib.compress(rows)[:-4] + b"abcd"))
    assert "corrupt" in refused(png_file(width, height, b"not zlib at all"))
    assert "do not have" in refused(png_file(width, height, b""))
    assert "OpenCV" in refused(png_file(width, height, zlib.compress(b"\x07" + rows[1:])))


def test_png_checksums_are_checked() -> None:
    content = bytearray(FILES["png"])
    content[content.index(b"IDAT") + 100] ^= 1
    assert "the checksum of PNG chunk 'IDAT' is wrong" in refused(content)


@pytest.mark.parametrize(("depth", "colour_type"), [(3, 0), (16, 3), (4, 2), (8, 5), (0, 0)])
def test_png_kinds_that_do_not_exist_are_refused(depth: int, colour_type: int) -> None:
    assert "does not exist" in refused(png_file(4, 4, zlib.compress(bytes(500)), colour_type, depth))


def test_a_jpeg_with_its_scan_removed_is_refused() -> None:
    content = FILES["jpeg"]
    scan = content.index(b"\xff\xda")
    assert "only 0 bytes of image data" in refused(content[: scan + 14] + b"\xff\xd9")
    assert "only 60 bytes of image data" in refused(content[: scan + 74] + b"\xff\xd9")
    assert "no end-of-image marker" in refused(content[:-2])
    assert "no start-of-frame marker" in refused(b"\xff\xd8\xff\xd9" + content)


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
    assert "12-bit JPEG is not supported" in refused(deep)


@pytest.mark.parametrize("kind", ["tiff", "tiff lzw", "tiff deflate", "tiff packbits"])
def test_a_tiff_strip_shorter_than_its_rows_is_refused(kind: str) -> None:
    with tifffile.TiffFile(io.BytesIO(FILES[kind])) as file:
        tag = file.pages[0].tags["StripByteCounts"]
        position, length = tag.valueoffset, tag.value[-1]
    for shorter in (0, 1, length // 2, length - 20):
        content = bytearray(FILES[kind])
        struct.pack_into("<H" if tag.dtype == 3 else "<I", content, position, shorter)
        assert "damaged" in refused(content)


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
