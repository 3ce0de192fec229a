"""WebP files: the RIFF container and the sizes it declares. Source: RFC 9649."""

import struct

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.image_file.fault import damaged, unsupported
from crbl_runtime.image_file.limits import check_size
from crbl_runtime.image_file.opencv import decode_samples
from crbl_runtime.image_file.rgb import flatten, upright
from crbl_runtime.image_file.tags import orientation

LOSSY_START = b"\x9d\x01\x2a"
LOSSLESS_START = b"\x2f"


def decode(content: bytes, name: str) -> NDArray[np.uint8]:
    """A still WebP file -> RGB uint8 [H, W, 3], upright.

    Raises:
        ImageError: cut off, damaged, too large or animated.
    """
    chunks = _read_chunks(content, name)
    if b"ANIM" in chunks or b"ANMF" in chunks:
        raise unsupported(name, "animated WebP")
    width, height = _size(chunks, name)
    check_size(width, height, name)
    samples = decode_samples(content, width, height, name)
    return upright(flatten(samples), orientation(chunks.get(b"EXIF", b"")))


def _read_chunks(content: bytes, name: str) -> dict[bytes, bytes]:
    """The first chunk of each kind; bytes after the RIFF container are none of the image's."""
    (declared,) = struct.unpack_from("<I", content, 4)
    end = 8 + declared
    if end > len(content):
        raise damaged(name, f"the WebP file declares {end:,} bytes and has {len(content):,}")
    chunks: dict[bytes, bytes] = {}
    position = 12
    while position + 8 <= end:
        kind, length = struct.unpack_from("<4sI", content, position)
        if position + 8 + length > end:
            raise damaged(name, "the WebP data are cut off (a chunk reaches beyond the end)")
        chunks.setdefault(kind, content[position + 8 : position + 8 + length])
        position += 8 + length + length % 2
    return chunks


def _size(chunks: dict[bytes, bytes], name: str) -> tuple[int, int]:
    """Width and height of the image itself; the canvas of the extended form must be the same."""
    lossy, lossless = chunks.get(b"VP8 ", b""), chunks.get(b"VP8L", b"")
    if lossy[3:6] == LOSSY_START and len(lossy) >= 10:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", lossy, 6))
    elif lossless[:1] == LOSSLESS_START and len(lossless) >= 5:
        (packed,) = struct.unpack_from("<I", lossless, 1)
        width, height = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    else:
        raise damaged(name, "the WebP file holds no image")
    extended = chunks.get(b"VP8X")
    if extended is not None and _canvas(extended) != (width, height):
        raise damaged(name, f"the WebP canvas is not {width} x {height} as its image is")
    return width, height


def _canvas(extended: bytes) -> tuple[int, int]:
    return int.from_bytes(extended[4:7], "little") + 1, int.from_bytes(extended[7:10], "little") + 1
