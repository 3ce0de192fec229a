"""TIFF files: what the first page is, and whether its data are whole. Source: TIFF 6.0.

libtiff leaves rows black where the data of an 8-bit image are short or corrupt, and OpenCV passes that on as success.
So each strip and tile is checked here first, and compressions that cannot be checked are refused.
"""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.image_file.fault import damaged, unsupported
from crbl_runtime.image_file.inflate import inflated_length
from crbl_runtime.image_file.limits import check_size
from crbl_runtime.image_file.lzw import lzw_length
from crbl_runtime.image_file.opencv import decode_samples
from crbl_runtime.image_file.rgb import flatten, flatten_premultiplied
from crbl_runtime.image_file.tags import ORIENTATION, read_tags

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
STRIP_OFFSETS, SAMPLES, ROWS_PER_STRIP, STRIP_BYTES, PLANAR = 273, 277, 278, 279, 284
PREDICTOR, COLOUR_MAP, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES = 317, 320, 322, 323, 324, 325
EXTRA_SAMPLES, SAMPLE_FORMAT = 338, 339
# What a tag that is absent means.
DEFAULTS = {
    BITS: 1,
    COMPRESSION: 1,
    FILL_ORDER: 1,
    SAMPLES: 1,
    ROWS_PER_STRIP: 2**32 - 1,
    PLANAR: 1,
    PREDICTOR: 1,
    SAMPLE_FORMAT: 1,
    ORIENTATION: 1,
}
TAGS = frozenset(
    [
        *(WIDTH, HEIGHT, PHOTOMETRIC, COLOUR_MAP, EXTRA_SAMPLES, STRIP_OFFSETS, STRIP_BYTES),
        *(TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES),
        *DEFAULTS,
    ]
)
NONE, LZW, DEFLATE, PACK_BITS, OLD_DEFLATE = 1, 5, 8, 32773, 32946
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE = 0, 1, 2, 3
UNSPECIFIED, PREMULTIPLIED, STRAIGHT = 0, 1, 2
# Bits and samples for each kind of image that OpenCV decodes as the specification says.
KINDS = {
    WHITE_IS_ZERO: {(1, 1), (8, 1)},
    BLACK_IS_ZERO: {(1, 1), (8, 1), (16, 1)},
    RGB: {(8, 3), (16, 3), (8, 4), (16, 4)},
    PALETTE: {(8, 1)},
}


@dataclass(frozen=True)
class Page:
    """The first directory of a TIFF file; `columns` and `rows` are those of one strip or tile."""

    width: int
    height: int
    bits: int
    samples: int
    compression: int
    photometric: int
    planar: bool
    extra_sample: int
    orientation: int
    columns: int
    rows: int
    tiled: bool
    offsets: NDArray[np.int64]
    byte_counts: NDArray[np.int64]


def decode(content: bytes, name: str) -> NDArray[np.uint8]:
    """The first page of a TIFF file -> RGB uint8 [H, W, 3], upright.

    Taken are grey, palette, RGB and RGBA of 8 bits, grey, RGB and RGBA of 16 bits, and 1 bit; in strips or tiles; as
    they are or with LZW, deflate or PackBits compression.

    Raises:
        ImageError: cut off, damaged, too large or of another kind.
    """
    page = _read_page(content, name)
    _check_pieces(page, content, name)
    # OpenCV applies a TIFF's orientation itself, whatever it is told.
    width, height = (page.height, page.width) if page.orientation >= 5 else (page.width, page.height)
    samples = decode_samples(content, width, height, name)
    if page.samples < 4:
        return flatten(samples[..., :3] if samples.ndim == 3 else samples)
    if page.extra_sample == UNSPECIFIED:
        return flatten(samples[..., :3])
    # libtiff premultiplies straight alpha of 8 bits, rounded to nearest, and leaves 16 bits alone.
    if page.extra_sample == PREMULTIPLIED or page.bits == 8:
        return flatten_premultiplied(samples)
    return flatten(samples)


def _read_page(content: bytes, name: str) -> Page:
    try:
        tags = read_tags(content, TAGS)
    except ValueError as error:
        raise damaged(name, f"the TIFF header cannot be read ({error})") from error
    one = {tag: int(values[0]) for tag, values in tags.items() if values.size}
    for tag in (WIDTH, HEIGHT, PHOTOMETRIC):
        if tag not in one:
            raise damaged(name, f"the TIFF header lacks tag {tag}")
    one = DEFAULTS | one
    if one[PHOTOMETRIC] == PALETTE and (COLOUR_MAP not in tags or tags[COLOUR_MAP].size != 3 * 256):
        raise damaged(name, "the TIFF palette does not have 256 colours")
    check_size(one[WIDTH], one[HEIGHT], name)
    _check_kind(one, tags, name)
    tiled = TILE_WIDTH in one
    offsets, byte_counts = (TILE_OFFSETS, TILE_BYTES) if tiled else (STRIP_OFFSETS, STRIP_BYTES)
    empty = np.zeros(0, np.int64)
    return Page(
        width=one[WIDTH],
        height=one[HEIGHT],
        bits=one[BITS],
        samples=one[SAMPLES],
        compression=one[COMPRESSION],
        photometric=one[PHOTOMETRIC],
        planar=one[PLANAR] == 2 and one[SAMPLES] > 1,
        extra_sample=one.get(EXTRA_SAMPLES, UNSPECIFIED),
        orientation=one[ORIENTATION] if 1 <= one[ORIENTATION] <= 8 else 1,
        columns=one[TILE_WIDTH] if tiled else one[WIDTH],
        rows=one.get(TILE_HEIGHT, 0) if tiled else min(one[ROWS_PER_STRIP], one[HEIGHT]),
        tiled=tiled,
        offsets=tags.get(offsets, empty),
        byte_counts=tags.get(byte_counts, empty),
    )


def _check_kind(one: dict[int, int], tags: dict[int, NDArray[np.int64]], name: str) -> None:
    """Refuse what would be decoded to other values than the specification says, or to unchecked ones."""
    photometric, compression = one[PHOTOMETRIC], one[COMPRESSION]
    if compression not in (NONE, LZW, DEFLATE, PACK_BITS, OLD_DEFLATE):
        raise unsupported(name, f"TIFF compression {compression}")
    formats = tags.get(SAMPLE_FORMAT, np.ones(1, np.int64))
    if (formats != 1).any():
        raise unsupported(name, "TIFF with signed or floating-point samples")
    bits = tags.get(BITS, np.ones(1, np.int64))
    if (one[BITS], one[SAMPLES]) not in KINDS.get(photometric, ()) or (bits != bits[0]).any():
        kind = f"{one[SAMPLES]} samples of {one[BITS]} bits and photometric interpretation {photometric}"
        raise unsupported(name, f"TIFF with {kind}")
    if one[PLANAR] == 2 and one[SAMPLES] > 1 and one[BITS] == 16:
        # OpenCV 4.8 to 5.0 takes the first plane for interleaved samples.
        raise unsupported(name, "TIFF with separate planes of 16 bits")
    if one[SAMPLES] == 4 and one.get(EXTRA_SAMPLES) not in (UNSPECIFIED, PREMULTIPLIED, STRAIGHT):
        raise unsupported(name, "TIFF with a fourth sample of unknown meaning")
    if one[FILL_ORDER] != 1 or one[PLANAR] not in (1, 2) or one[PREDICTOR] not in (1, 2):
        raise unsupported(name, "TIFF with this fill order, planar configuration or predictor")


def _check_pieces(page: Page, content: bytes, name: str) -> None:
    """Check that each strip or tile lies within the file and holds all its rows."""
    if page.columns < 1 or page.rows < 1:
        raise damaged(name, "the TIFF strips or tiles have no rows or columns")
    across, down = -(-page.width // page.columns), -(-page.height // page.rows)
    if page.tiled:
        check_size(across * page.columns, down * page.rows, name)
    needed = across * down * (page.samples if page.planar else 1)
    if page.offsets.size < needed or page.byte_counts.size < needed:
        raise damaged(name, f"the TIFF header names fewer strips or tiles than the {needed} that its size needs")
    offsets, byte_counts = page.offsets[:needed], page.byte_counts[:needed]
    if (offsets + byte_counts > len(content)).any() or (offsets > len(content)).any():
        raise damaged(name, f"the TIFF data are cut off (its strips reach beyond the {len(content):,} bytes)")
    row_bytes = -(-page.columns * page.bits * (1 if page.planar else page.samples) // 8)
    # The last strip of a plane holds the rows that are left, though some writers fill it up.
    last_rows = page.rows if page.tiled else page.height - (down - 1) * page.rows
    for index, (offset, byte_count) in enumerate(zip(offsets.tolist(), byte_counts.tolist(), strict=True)):
        rows = page.rows if (index + 1) % (across * down) else last_rows
        piece = content[offset : offset + byte_count]
        _check_piece(page.compression, piece, row_bytes * rows, row_bytes * page.rows, name)


def _check_piece(compression: int, piece: bytes, expected: int, whole: int, name: str) -> None:
    try:
        length = _decompressed_length(compression, piece, whole)
    except (ValueError, zlib.error) as error:
        raise damaged(name, f"the TIFF data are corrupt ({error})") from error
    if length < expected:
        raise damaged(name, f"a TIFF strip holds {length:,} bytes of {expected:,}")


def _decompressed_length(compression: int, piece: bytes, whole: int) -> int:
    """The bytes that come out of a strip; those beyond the `whole` of it need not be counted."""
    if compression == NONE:
        return len(piece)
    if compression == LZW:
        return lzw_length(piece, whole)
    if compression == PACK_BITS:
        return _pack_bits_length(piece)
    length, ended = inflated_length([piece], whole)
    if not ended:
        raise ValueError("the deflate data go on beyond their strip, or stop before their checksum")
    return length


def _pack_bits_length(piece: bytes) -> int:
    """TIFF 6.0, section 9: a count byte n, then n + 1 literals (n < 128) or one byte 257 − n times (n > 128)."""
    position, length = 0, 0
    while position < len(piece):
        count = piece[position]
        if count < 128:
            length += min(count + 1, len(piece) - position - 1)
            position += count + 2
        else:
            length += 257 - count if count > 128 and position + 1 < len(piece) else 0
            position += 2 if count > 128 else 1
    return length
