"""JPEG files: what the markers say, and whether the data reach the end marker. Source: ITU-T T.81, annex B."""

import re
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.image_file.fault import damaged, unsupported
from crbl_runtime.image_file.limits import check_size
from crbl_runtime.image_file.opencv import decode_samples
from crbl_runtime.image_file.rgb import flatten, upright
from crbl_runtime.image_file.tags import orientation

SIGNATURE = b"\xff\xd8\xff"
END_OF_IMAGE = 0xD9
START_OF_SCAN = 0xDA
APP1 = 0xE1
BASELINE, EXTENDED, PROGRESSIVE = 0xC0, 0xC1, 0xC2
# Start-of-frame markers; 0xC4, 0xC8 and 0xCC within their range are something else.
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# No markers, or without a segment: 0xFF00 is a stuffed byte, 0x01 is TEM, 0xD0 to 0xD7 are restarts, 0xD8 is SOI.
MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])", re.DOTALL)


@dataclass(frozen=True)
class Frame:
    """What a JPEG stream says of itself: size in pixels, and its first EXIF block (empty where it has none)."""

    width: int
    height: int
    exif: bytes


def decode(content: bytes, name: str) -> NDArray[np.uint8]:
    """A JPEG file -> RGB uint8 [H, W, 3], upright.

    Raises:
        ImageError: cut off, damaged, too large, CMYK, 12-bit, lossless or arithmetic-coded.
    """
    frame = _check_stream(content, name)
    samples = decode_samples(content, frame.width, frame.height, name)
    return upright(flatten(samples), orientation(frame.exif))


def _check_stream(content: bytes, name: str) -> Frame:
    """Walk the markers of a JPEG stream to its end marker; bytes after that are none of the image's.

    Raises:
        ImageError: as `decode`.
    """
    start_of_frame, exif = b"", b""
    kind, entropy_bytes, position = 0, 0, 2
    while True:
        found = MARKER.search(content, position)
        if found is None:
            raise damaged(name, "the JPEG data are cut off (no end-of-image marker)")
        marker, position = found[1][0], found.end()
        if marker == END_OF_IMAGE:
            break
        segment = _segment(content, position, name)
        position += 2 + len(segment)
        if marker in FRAMES and not start_of_frame:
            kind, start_of_frame = marker, segment
            _check_frame(kind, segment, name)
        elif marker == APP1 and segment.startswith(b"Exif\0\0"):
            exif = exif or segment
        elif marker == START_OF_SCAN:
            following = MARKER.search(content, position)
            entropy_bytes += (following.start() if following else len(content)) - position
    if not start_of_frame:
        raise damaged(name, "the JPEG holds no image (no start-of-frame marker)")
    if entropy_bytes * 8 < _fewest_bits(kind, start_of_frame):
        raise damaged(name, f"the JPEG holds only {entropy_bytes} bytes of image data")
    height, width = struct.unpack_from(">HH", start_of_frame, 1)
    return Frame(width, height, exif)


def _segment(content: bytes, position: int, name: str) -> bytes:
    length = int.from_bytes(content[position : position + 2], "big")
    if length < 2 or position + length > len(content):
        raise damaged(name, "the JPEG data are cut off (a segment reaches beyond the end)")
    return content[position + 2 : position + length]


def _check_frame(kind: int, segment: bytes, name: str) -> None:
    if len(segment) < 6 or len(segment) < 6 + 3 * segment[5]:
        raise damaged(name, "the JPEG frame header is cut off")
    precision, height, width, components = struct.unpack_from(">BHHB", segment)
    check_size(width, height, name)
    refused = _refused(kind, precision, components)
    if refused:
        raise unsupported(name, refused)


def _refused(kind: int, precision: int, components: int) -> str:
    """What the frame is, if it is a kind that is refused; else empty."""
    if kind not in (BASELINE, EXTENDED, PROGRESSIVE):
        return "lossless, hierarchical or arithmetic-coded JPEG"
    if precision != 8:
        return f"{precision}-bit JPEG"
    if components == 4:
        return "CMYK JPEG (its colours depend on an ink profile)"
    if components not in (1, 3):
        return f"JPEG with {components} components"
    return ""


def _fewest_bits(kind: int, start_of_frame: bytes) -> int:
    """The least a whole image can take: a Huffman code has at least one bit.

    A sequential 8x8 block has two codes at least (DC, end of block), a progressive one has one in its first scan.
    """
    _, height, width, components = struct.unpack_from(">BHHB", start_of_frame)
    factors = np.frombuffer(start_of_frame, np.uint8)[7 : 6 + 3 * components : 3].astype(int)
    across, down = factors >> 4, factors & 15
    columns = -(-width * across // (8 * max(1, across.max())))
    rows = -(-height * down // (8 * max(1, down.max())))
    blocks = int((columns * rows).sum())
    return blocks if kind == PROGRESSIVE else 2 * blocks
