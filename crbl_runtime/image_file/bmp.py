"""BMP files, decoded here: uncompressed ones are nothing but rows, and OpenCV reads past short palettes silently.

Source: Microsoft's BITMAPINFOHEADER to BITMAPV5HEADER, and the BITMAPCOREHEADER before them.
"""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.image_file.fault import damaged, unsupported
from crbl_runtime.image_file.limits import check_size
from crbl_runtime.image_file.rgb import expand_palette, flatten

SIGNATURE = b"BM"
FILE_HEADER_BYTES = 14
CORE_HEADER_BYTES = 12
HEADER_BYTES = (CORE_HEADER_BYTES, 40, 52, 56, 64, 108, 124)
UNCOMPRESSED, BIT_FIELDS = 0, 3
BGR_MASKS = (0x00FF0000, 0x0000FF00, 0x000000FF)
OPAQUE, ALPHA_IN_TOP_BYTE = 0, 0xFF000000


@dataclass(frozen=True)
class Header:
    """Where the pixels lie and what they are. A positive `stored_height` means that the bottom row comes first."""

    pixel_offset: int
    width: int
    stored_height: int
    bits: int
    colours: int
    palette_offset: int
    palette_entry_bytes: int
    alpha_mask: int


def decode(content: bytes, name: str) -> NDArray[np.uint8]:
    """A BMP file of 1, 4, 8, 24 or 32 bits a pixel -> RGB uint8 [H, W, 3].

    The fourth byte of 32-bit pixels is alpha only where a mask declares it so, else padding.

    Raises:
        ImageError: cut off, damaged, too large, compressed or of 16 bits a pixel.
    """
    header = _read_header(content, name)
    rows = _read_rows(content, header, name)
    if header.bits <= 8:
        return _expand(rows, content, header, name)
    pixels = rows[:, : header.width * header.bits // 8].reshape(rows.shape[0], header.width, header.bits // 8)
    if header.alpha_mask:
        return flatten(pixels[..., [2, 1, 0, 3]])
    return flatten(pixels[..., 2::-1])


def _read_header(content: bytes, name: str) -> Header:
    if len(content) < FILE_HEADER_BYTES + CORE_HEADER_BYTES:
        raise damaged(name, "the BMP header is cut off")
    pixel_offset, header_bytes = struct.unpack_from("<II", content, 10)
    if header_bytes not in HEADER_BYTES or len(content) < FILE_HEADER_BYTES + header_bytes:
        raise damaged(name, f"the BMP header is cut off, or {header_bytes} bytes long, which none is")
    colours, compression = 0, UNCOMPRESSED
    if header_bytes == CORE_HEADER_BYTES:
        width, height, _, bits = struct.unpack_from("<HHHH", content, 18)
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", content, 18)
        (colours,) = struct.unpack_from("<I", content, 46)
    check_size(width, abs(height), name)
    if compression not in (UNCOMPRESSED, BIT_FIELDS) or bits not in (1, 4, 8, 24, 32):
        raise unsupported(name, f"BMP with {bits} bits a pixel and compression {compression}")
    if compression == BIT_FIELDS and bits != 32:
        raise unsupported(name, f"BMP with {bits} bits a pixel and bit fields")
    return Header(
        pixel_offset=pixel_offset,
        width=width,
        stored_height=height,
        bits=bits,
        colours=colours or 2**bits,
        palette_offset=FILE_HEADER_BYTES + header_bytes,
        palette_entry_bytes=3 if header_bytes == CORE_HEADER_BYTES else 4,
        alpha_mask=_alpha_mask(content, header_bytes, name) if compression == BIT_FIELDS else OPAQUE,
    )


def _alpha_mask(content: bytes, header_bytes: int, name: str) -> int:
    # The masks follow a 40-byte header and are part of the longer ones; from 56 bytes on there is one for alpha.
    masks = struct.unpack_from("<IIII", content.ljust(70, b"\0"), 54)
    alpha: int = masks[3] if header_bytes >= 56 else OPAQUE
    if masks[:3] != BGR_MASKS or alpha not in (OPAQUE, ALPHA_IN_TOP_BYTE):
        raise unsupported(name, "BMP with bit fields other than eight bits each of blue, green and red")
    return alpha


def _read_rows(content: bytes, header: Header, name: str) -> NDArray[np.uint8]:
    """The stored rows, top row first: uint8 [H, bytes a row], which are padded to four."""
    height = abs(header.stored_height)
    row_bytes = -(-header.width * header.bits // 32) * 4
    if header.pixel_offset + height * row_bytes > len(content):
        expected = header.pixel_offset + height * row_bytes
        raise damaged(name, f"the BMP data are cut off ({len(content):,} bytes of {expected:,})")
    if header.pixel_offset < header.palette_offset:
        raise damaged(name, "the BMP pixels are declared to lie within its header")
    rows = np.frombuffer(content, np.uint8, height * row_bytes, header.pixel_offset).reshape(height, row_bytes)
    return rows[::-1] if header.stored_height > 0 else rows


def _expand(rows: NDArray[np.uint8], content: bytes, header: Header, name: str) -> NDArray[np.uint8]:
    per_byte = 8 // header.bits
    shifts = np.arange(per_byte - 1, -1, -1, dtype=np.uint8) * np.uint8(header.bits)
    indices = (rows[..., np.newaxis] >> shifts) & np.uint8(2**header.bits - 1)
    indices = indices.reshape(rows.shape[0], -1)[:, : header.width]
    available = (header.pixel_offset - header.palette_offset) // header.palette_entry_bytes
    colours = min(header.colours, available, 2**header.bits)
    if indices.max() >= colours:
        raise damaged(name, f"a pixel has palette index {indices.max()} and the BMP palette {colours} colours")
    entries = np.frombuffer(content, np.uint8, colours * header.palette_entry_bytes, header.palette_offset)
    palette = entries.reshape(colours, header.palette_entry_bytes)
    return expand_palette(indices, np.ascontiguousarray(palette[:, 2::-1]))
