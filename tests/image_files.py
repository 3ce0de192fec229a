"""Small image files for the tests of the decoder, written here so that each holds exactly what a test needs."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import skimage.data
import tifffile
from PIL import Image

COLOUR = skimage.data.astronaut()[60:161, 180:317]
GREY = skimage.data.camera()[100:201, 150:287]
HEIGHT, WIDTH = GREY.shape
ALPHA = np.random.default_rng(0).integers(0, 256, GREY.shape, np.uint8)
PHOTOGRAPH = Image.fromarray(COLOUR)
NEGATIVE = Image.fromarray(255 - COLOUR)
WHOLE = ((0, 0, 1, 1),)
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def saved(image: Image.Image, file_format: str, **options: Any) -> bytes:
    """What Pillow writes."""
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def tiff(samples: np.ndarray, **options: Any) -> bytes:
    """What tifffile writes."""
    file = io.BytesIO()
    tifffile.imwrite(file, samples, **options)
    return file.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_file(header: bytes, pixels: bytes, before: bytes = b"", after: bytes = b"") -> bytes:
    """A PNG of an IHDR chunk's data and an IDAT chunk's, with whole chunks before and after the latter."""
    chunks = png_chunk(b"IHDR", header) + before + png_chunk(b"IDAT", pixels) + after + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def png_header(width: int, height: int, depth: int = 8, colour_type: int = 2, interlaced: bool = False) -> bytes:
    return struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlaced)


def png_rows(samples: np.ndarray, depth: int, interlaced: bool = False) -> bytes:
    """Samples [H, W, C], each below 2**depth, as rows without filter, before compression."""
    raw = b""
    for x, y, step_x, step_y in ADAM7 if interlaced else WHOLE:
        for row in samples[y::step_y, x::step_x]:
            if row.size:
                bits = (row.reshape(-1, 1) >> np.arange(depth - 1, -1, -1)) & 1
                raw += b"\0" + np.packbits(bits.astype(np.uint8)).tobytes()
    return raw


def png(
    samples: np.ndarray,
    depth: int,
    colour_type: int,
    *,
    interlaced: bool = False,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """Samples [H, W, C], each below 2**depth, as a PNG with chunks before and after the pixel data."""
    height, width, _ = samples.shape
    header = png_header(width, height, depth, colour_type, interlaced)
    return png_file(header, zlib.compress(png_rows(samples, depth, interlaced)), before, after)


def bmp(
    rows: list[bytes], width: int, bits: int, *, palette: bytes = b"", compression: int = 0, masks: bytes = b""
) -> bytes:
    """Rows, top first, as a BMP whose header grows by `masks`; compressed rows are taken as they are."""
    padded = b"".join(row + bytes(-len(row) % 4) for row in reversed(rows)) if compression in (0, 3) else b"".join(rows)
    size = 40 + len(masks)
    header = struct.pack("<IiiHHIIiiII", size, width, len(rows), 1, bits, compression, len(padded), 0, 0, 0, 0) + masks
    offset = 14 + len(header) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(padded), 0, 0, offset) + header + palette + padded


def rle_bmp(grey: np.ndarray) -> bytes:
    """Grey [H, W] as a BMP with run-length encoding: each pixel is a run of one."""
    rows = [b"".join(bytes([1, value]) for value in row) + b"\0\0" for row in grey[::-1]]
    return bmp([*rows[:-1], rows[-1][:-2] + b"\0\1"], grey.shape[1], 8, palette=GREY_PALETTE, compression=1)


GREY_PALETTE = np.repeat(np.arange(256, dtype=np.uint8), 4).tobytes()


def gif(codes: list[int], width: int, height: int) -> bytes:
    """A GIF of nine-bit LZW codes: clear is 256, end is 257; codes must be cleared before the table needs ten bits."""
    data = sum(code << 9 * index for index, code in enumerate(codes)).to_bytes(-(-9 * len(codes) // 8), "little")
    blocks = b"".join(bytes([len(data[at : at + 255])]) + data[at : at + 255] for at in range(0, len(data), 255))
    screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF7, 0, 0) + bytes(range(256)) * 3
    return screen + b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x08" + blocks + b"\0;"


def over_white(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colour [..., 3] with straight alpha [...] on white, in exact integers."""
    weight = alpha[..., np.newaxis].astype(int)
    return (2 * (colour.astype(int) * weight + 255 * (255 - weight)) + 255) // 510


def grey3(values: np.ndarray) -> np.ndarray:
    return np.dstack([values, values, values])


def scaled(values: np.ndarray) -> np.ndarray:
    """16-bit to 8-bit by the rule, in exact integers."""
    return (2 * values.astype(int) + 257) // 514
