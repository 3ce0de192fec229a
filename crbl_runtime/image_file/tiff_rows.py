"""What libtiff keeps silent about: a TIFF page whose strips or tiles do not hold all its rows. Source: TIFF 6.0."""

import lzma
import zlib
from typing import Any

from crbl_runtime.image_file.jpeg_stream import START, end_of_jpeg
from crbl_runtime.image_file.limits import check_size, damaged, unsupported

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, STRIP_OFFSETS, SAMPLES, ROWS_PER_STRIP, STRIP_BYTES, PLANAR = (
    256, 257, 258, 259, 262, 273, 277, 278, 279, 284,
)  # fmt: skip
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES, SAMPLE_FORMAT = 322, 323, 324, 325, 339
NONE, LZW, JPEG, DEFLATE, PACK_BITS, OLD_DEFLATE, LZMA = 1, 5, 7, 8, 32773, 32946, 34925
WHITE_IS_ZERO, CMYK, YCBCR = 0, 5, 6


def check_kind(tags: Any, name: str) -> None:
    """Refuse a TIFF page that Pillow would read as other values than it holds, or without noticing missing data.

    Args:
        tags: `tag_v2` of Pillow's TIFF image.
        name: what messages call the image.

    Raises:
        ImageError: the page is of such a kind. The message names it.
    """
    compression, photometric = tags.get(COMPRESSION, 1), tags.get(PHOTOMETRIC)
    bits, formats = tags.get(BITS, (1,)), tags.get(SAMPLE_FORMAT, (1,))
    if compression not in (NONE, LZW, JPEG, DEFLATE, PACK_BITS, OLD_DEFLATE, LZMA):
        raise unsupported(name, f"TIFF compression {compression}")
    if set(formats) != {1}:
        raise unsupported(name, "TIFF with signed or floating-point samples")
    if not set(bits) <= {1, 2, 4, 8, 16}:
        raise unsupported(name, f"TIFF with samples of {bits[0]} bits")
    if 16 in bits and (photometric in (WHITE_IS_ZERO, CMYK) or (tags.get(PLANAR) == 2 and tags.get(SAMPLES, 1) > 1)):
        raise unsupported(name, "16-bit TIFF with separate planes, inks, or white as zero")
    if photometric == YCBCR and (compression != JPEG or tags.get(PLANAR) == 2):
        raise unsupported(name, "TIFF in YCbCr without JPEG compression")


def check_rows(tags: Any, content: bytes, name: str, max_pixels: int) -> None:
    """Check that each strip or tile lies within the file and, where libtiff does not check it, holds its rows.

    Args:
        tags: `tag_v2` of Pillow's TIFF image, of a kind that `check_kind` lets through.
        content: the whole file.
        name: what messages call the image. max_pixels: as in `check_size`.

    Raises:
        ImageError: rows are missing, or the tiles are larger than an image may be.
    """
    tiled = TILE_WIDTH in tags or TILE_OFFSETS in tags
    columns = tags.get(TILE_WIDTH, 0) if tiled else tags[WIDTH]
    rows = tags.get(TILE_HEIGHT, 0) if tiled else min(tags.get(ROWS_PER_STRIP, tags[HEIGHT]), tags[HEIGHT])
    if columns < 1 or rows < 1:
        raise damaged(name, "the TIFF strips or tiles have no rows or columns")
    across, down = -(-tags[WIDTH] // columns), -(-tags[HEIGHT] // rows)
    check_size(across * columns, down * rows if tiled else tags[HEIGHT], name, max_pixels)
    samples, planes = tags.get(SAMPLES, 1), 1
    if tags.get(PLANAR) == 2:
        samples, planes = 1, samples
    needed = across * down * planes
    offsets = tags.get(TILE_OFFSETS if tiled else STRIP_OFFSETS, ())[:needed]
    byte_counts = tags.get(TILE_BYTES if tiled else STRIP_BYTES, ())[:needed]
    if min(len(offsets), len(byte_counts)) < needed:
        raise damaged(name, f"the TIFF header names fewer strips or tiles than the {needed} that its size needs")
    row_bytes = -(-columns * tags.get(BITS, (1,))[0] * samples // 8)
    last_rows = rows if tiled else tags[HEIGHT] - (down - 1) * rows
    for index, (offset, byte_count) in enumerate(zip(offsets, byte_counts, strict=True)):
        if byte_count < 1 or offset + byte_count > len(content):
            raise damaged(name, f"the TIFF data are cut off (a strip is empty or ends beyond {len(content):,} bytes)")
        expected = row_bytes * (rows if (index + 1) % (across * down) else last_rows)
        piece = content[offset : offset + byte_count]
        _check_piece(tags.get(COMPRESSION, 1), piece, expected, row_bytes * rows, name)


def _check_piece(compression: int, piece: bytes, expected: int, whole: int, name: str) -> None:
    """Check a strip or tile that needs `expected` bytes; some writers fill up the last one to `whole`."""
    if compression == JPEG:
        if not piece.startswith(START):
            raise damaged(name, "a TIFF strip does not hold the JPEG that it declares")
        end_of_jpeg(piece, name)
    elif compression not in (LZW, PACK_BITS):  # libtiff checks these two itself.
        length = len(piece) if compression == NONE else _inflated_length(compression, piece, whole, name)
        if length < expected:
            raise damaged(name, f"a TIFF strip holds {length:,} bytes of {expected:,}")


def _inflated_length(compression: int, piece: bytes, at_most: int, name: str) -> int:
    stream: Any = lzma.LZMADecompressor() if compression == LZMA else zlib.decompressobj()
    try:
        length = len(stream.decompress(piece, at_most + 1))
    except (lzma.LZMAError, zlib.error) as error:
        raise damaged(name, f"the TIFF data are corrupt ({error})") from error
    if not stream.eof:
        raise damaged(name, "the TIFF data of a strip go on beyond its rows, or stop before their checksum")
    return length
