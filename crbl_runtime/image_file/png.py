"""PNG files: chunks, checksums and the length of the pixel data. Source: PNG specification, third edition."""

import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.image_file.fault import damaged, unsupported
from crbl_runtime.image_file.inflate import inflated_length
from crbl_runtime.image_file.limits import check_size
from crbl_runtime.image_file.opencv import decode_samples
from crbl_runtime.image_file.rgb import expand_palette, flatten, make_white, upright
from crbl_runtime.image_file.tags import orientation

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
BIT_DEPTHS = {GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGBA: (8, 16)}
# Adam7: x and y of the first pixel of each pass, then the steps.
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


@dataclass(frozen=True)
class Header:
    """The IHDR chunk."""

    width: int
    height: int
    bit_depth: int
    colour_type: int
    interlaced: bool


@dataclass(frozen=True)
class Chunks:
    """The chunks that decide about pixels. Empty bytes where a chunk is absent."""

    pixels: tuple[bytes, ...]
    palette: bytes
    transparency: bytes
    exif: bytes


def decode(content: bytes, name: str) -> NDArray[np.uint8]:
    """A PNG file -> RGB uint8 [H, W, 3], upright. Of an animated PNG it is the still image.

    Raises:
        ImageError: cut off, damaged or too large.
    """
    header = _read_header(content, name)
    check_size(header.width, header.height, name)
    chunks = _read_chunks(content, name)
    _check_pixel_length(header, chunks.pixels, name)
    samples = decode_samples(_bare_file(header, chunks.pixels), header.width, header.height, name)
    if header.colour_type == PALETTE:
        rgb = _expand(samples.astype(np.uint8), header, chunks, name)
    else:
        rgb = flatten(samples)
        if chunks.transparency:
            rgb = make_white(rgb, _is_transparent(samples, header, chunks.transparency, name))
    return upright(rgb, orientation(chunks.exif))


def _read_header(content: bytes, name: str) -> Header:
    if len(content) < 33 or content[8:16] != b"\0\0\0\x0dIHDR":
        raise damaged(name, "the PNG header is cut off or missing")
    width, height, bit_depth, colour_type, compression, filtering, interlacing = struct.unpack_from(
        ">IIBBBBB", content, 16
    )
    if bit_depth not in BIT_DEPTHS.get(colour_type, ()) or compression or filtering or interlacing > 1:
        raise damaged(name, "the PNG header declares a kind of image that does not exist")
    return Header(width, height, bit_depth, colour_type, interlacing == 1)


def _read_chunks(content: bytes, name: str) -> Chunks:
    """Walk all chunks to IEND, checking each CRC; bytes after IEND are none of the image's."""
    pixels: list[bytes] = []
    others = {b"PLTE": b"", b"tRNS": b"", b"eXIf": b""}
    position = len(SIGNATURE)
    while True:
        if position + 12 > len(content):
            raise damaged(name, "the PNG data are cut off (no IEND chunk)")
        length, kind = struct.unpack_from(">I4s", content, position)
        data = content[position + 8 : position + 8 + length]
        checksum = content[position + 8 + length : position + 12 + length]
        if len(checksum) < 4:
            raise damaged(name, "the PNG data are cut off (a chunk reaches beyond the end)")
        if zlib.crc32(data, zlib.crc32(kind)) != int.from_bytes(checksum, "big"):
            raise damaged(name, f"the checksum of PNG chunk {kind.decode('latin-1')!r} is wrong")
        if kind == b"IDAT":
            pixels.append(data)
        elif kind in others:
            others[kind] = others[kind] or data
        elif kind == b"IEND":
            break
        elif kind != b"IHDR" and not kind[0] & 0x20:
            raise unsupported(name, f"PNG chunk {kind.decode('latin-1')!r}, without which the pixels mean nothing,")
        position += 12 + length
    return Chunks(tuple(pixels), others[b"PLTE"], others[b"tRNS"], others[b"eXIf"])


def _check_pixel_length(header: Header, pixels: tuple[bytes, ...], name: str) -> None:
    expected = _raw_length(header)
    try:
        length, ended = inflated_length(pixels, expected)
    except zlib.error as error:
        raise damaged(name, f"the PNG pixel data are corrupt ({error})") from error
    if length != expected or not ended:
        raise damaged(name, f"the PNG pixel data do not have the {expected:,} bytes that its size needs")


def _raw_length(header: Header) -> int:
    passes = PASSES if header.interlaced else ((0, 0, 1, 1),)
    bits = header.bit_depth * CHANNELS[header.colour_type]
    length = 0
    for x, y, step_x, step_y in passes:
        columns = max(0, -(-(header.width - x) // step_x))
        rows = max(0, -(-(header.height - y) // step_y))
        # Each row starts with its filter byte; a pass without columns has no rows either.
        length += rows * (1 + -(-columns * bits // 8)) if columns else 0
    return length


def _bare_file(header: Header, pixels: tuple[bytes, ...]) -> bytes:
    """The same image with nothing but header and pixels, and palette indices passed off as grey.

    What decoders make of a palette, a colour key or an animation differs between OpenCV's versions; plain samples are
    the same in all of them.
    """
    colour_type = GREY if header.colour_type == PALETTE else header.colour_type
    ihdr = struct.pack(">IIBBBBB", header.width, header.height, header.bit_depth, colour_type, 0, 0, header.interlaced)
    chunks = [(b"IHDR", ihdr), *((b"IDAT", data) for data in pixels), (b"IEND", b"")]
    return SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def _grey_step(bit_depth: int) -> int:
    """What grey of fewer than 8 bits has been multiplied by to fill 0 to 255."""
    return 255 // (2**bit_depth - 1) if bit_depth < 8 else 1


def _expand(grey: NDArray[np.uint8], header: Header, chunks: Chunks, name: str) -> NDArray[np.uint8]:
    indices = grey // _grey_step(header.bit_depth)
    colours = len(chunks.palette) // 3
    if indices.max() >= colours:
        raise damaged(name, f"a pixel has palette index {indices.max()} and the PNG palette {colours} colours")
    palette = np.full((colours, 4), 255, np.uint8)
    palette[:, :3] = np.frombuffer(chunks.palette, np.uint8, colours * 3).reshape(colours, 3)
    alpha = np.frombuffer(chunks.transparency, np.uint8)[:colours]
    palette[: alpha.size, 3] = alpha
    return expand_palette(indices, palette)


def _is_transparent(samples: NDArray[np.generic], header: Header, key: bytes, name: str) -> NDArray[np.bool_]:
    """Where the samples [H, W] or [H, W, 3] equal the colour key of a tRNS chunk: bool [H, W]."""
    if header.colour_type not in (GREY, RGB) or len(key) != 2 * CHANNELS[header.colour_type]:
        raise damaged(name, "the PNG transparency chunk does not fit its kind of image")
    # As the specification has it, only the low bits that the bit depth has count.
    values = (np.frombuffer(key, ">u2") & (2**header.bit_depth - 1)) * _grey_step(header.bit_depth)
    equal: NDArray[np.bool_] = (samples.reshape(header.height, header.width, -1) == values).all(axis=2)
    return equal
