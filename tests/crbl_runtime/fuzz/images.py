"""Images that are nearly right: changed files of every format that Pillow writes here, arrays and file objects."""

import io
import struct
import zlib
from functools import cache
from typing import Any

import numpy as np
from changed_bytes import changed_bytes
from PIL import Image

from crbl_runtime.preprocessing import PreprocessingSpec, prepare
from image_files import ALPHA, COLOUR, GREY, png, png_chunk, rle_bmp, saved, tiff

# Small, so that a case takes a millisecond and each change counts.
SIDE = 40
COLOURS = COLOUR[:SIDE, : SIDE + 8]
GREYS = GREY[:SIDE, : SIDE + 8]
PHOTOGRAPH = Image.fromarray(COLOURS)
WITH_ALPHA = Image.fromarray(np.dstack([COLOURS, ALPHA[:SIDE, : SIDE + 8]]))
REGIONS = ("object", "border", "whole")
SCALES = (None, None, 255, 1, 1e300, 1e-300, 0, -1, float("nan"))


@cache
def files() -> dict[str, bytes]:
    """A file of each kind."""
    pages: dict[str, Any] = {"save_all": True, "append_images": [PHOTOGRAPH.rotate(180)]}
    own = {
        "jpeg progressive": saved(PHOTOGRAPH, "JPEG", progressive=True),
        "jpeg with restarts": saved(PHOTOGRAPH, "JPEG", restart_marker_rows=1),
        "jpeg of inks": saved(PHOTOGRAPH.convert("CMYK"), "JPEG"),
        "png of a palette": saved(PHOTOGRAPH.quantize(60), "PNG", transparency=3),
        "png interlaced": png(COLOURS, 8, 2, interlaced=True),
        "png of 16 bits": png(COLOURS.astype(int) * 257, 16, 2, before=png_chunk(b"sBIT", b"\x0c\x0c\x0c")),
        "png of one bit": png(GREYS[..., np.newaxis] >> 7, 1, 0),
        "png with alpha": saved(WITH_ALPHA, "PNG"),
        "png with movement": saved(PHOTOGRAPH, "PNG", **pages),
        "bmp of a palette": saved(PHOTOGRAPH.quantize(60), "BMP"),
        "bmp of runs": rle_bmp(GREYS),
        "gif with movement": saved(PHOTOGRAPH, "GIF", **pages),
        "pgm of 16 bits": saved(Image.fromarray(GREYS.astype(np.uint16) * 257), "PPM"),
        "pbm": saved(PHOTOGRAPH.convert("1"), "PPM"),
        "ppm of text": b"P3 4 4 255 " + b" ".join(b"%d" % value for value in range(48)),
        "tiff of 16 bits": tiff(COLOURS.astype(np.uint16) * 257, photometric="rgb"),
        "tiff of tiles": tiff(COLOURS, photometric="rgb", tile=(16, 16)),
        "tiff of planes": tiff(np.moveaxis(COLOURS, 2, 0), photometric="rgb", planarconfig="separate"),
        "tiff of pages": saved(PHOTOGRAPH, "TIFF", **pages),
        "tiff of one bit": saved(PHOTOGRAPH.convert("1"), "TIFF", compression="group4"),
        "webp without loss": saved(WITH_ALPHA, "WEBP", lossless=True),
        "webp with movement": saved(PHOTOGRAPH, "WEBP", **pages),
        "jpeg 2000 without a box": saved(PHOTOGRAPH, "JPEG2000", no_jp2=True),
    }
    # A libtiff without Zstandard ends the process where it is asked to write that.
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "lzma"):
        own[compression] = _saved_if_possible("TIFF", compression=compression)
    Image.init()
    written = {kind: _saved_if_possible(kind) for kind in sorted(Image.SAVE)}
    return {kind: content for kind, content in (written | own).items() if content}


def _saved_if_possible(kind: str, **options: Any) -> bytes:
    """Empty where this Pillow does not write the kind, or not this image."""
    try:
        return saved(PHOTOGRAPH, kind, **options)
    except (OSError, ValueError, KeyError, RuntimeError):
        return b""


def run_case(number: int) -> None:
    """Prepare one image.

    Raises:
        CRBLError: it was refused.
    """
    random = np.random.default_rng([number, 0])
    region, bit_depth = REGIONS[int(random.integers(3))], (None, 10, 12)[int(random.integers(3))]
    spec = PreprocessingSpec(region, image_size=32, bit_depth=bit_depth, fast_decode=region != "object")
    if random.integers(8) == 0:
        channel_order, scale = ("rgb", "bgr")[int(random.integers(2))], SCALES[int(random.integers(len(SCALES)))]
        prepare(_array(random), spec, channel_order=channel_order, scale=scale)
    else:
        prepare(_file(random), spec)


def _file(random: np.random.Generator) -> Any:
    kinds = files()
    kind = sorted(kinds)[int(random.integers(len(kinds)))]
    content = changed_bytes(kinds[kind], list(kinds.values()), random)
    if content.startswith(b"\x89PNG") and random.integers(2):
        content = _with_right_checksums(content)
    match int(random.integers(8)):
        case 0:
            return io.BytesIO(content)
        case 1:
            return StrangeFile(content, random)
        case 2:
            return memoryview(content)
        case 3:
            try:
                return Image.open(io.BytesIO(content))
            except Exception:  # Pillow's own answer, to the caller
                return content
    return content


def _with_right_checksums(content: bytes) -> bytes:
    """A PNG whose chunks have the checksums of what they hold, so that a decoder looks at it."""
    repaired, position = bytearray(content[:8]), 8
    while position + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, position)
        if position + 12 + length > len(content):
            break
        chunk = content[position + 4 : position + 8 + length]
        repaired += struct.pack(">I", length) + chunk + struct.pack(">I", zlib.crc32(chunk))
        position += 12 + length
    return bytes(repaired) + content[position:]


class StrangeFile(io.BytesIO):
    """A file object that gives less than was asked for, or what no file gives, or fails."""

    def __init__(self, content: bytes, random: np.random.Generator) -> None:
        super().__init__(content)
        self._strange = int(random.integers(6))

    def read(self, size: int | None = -1, /) -> Any:
        piece = super().read(min(size, 7) if size and size > 0 else size)
        match self._strange:
            case 0:
                raise OSError("the network is gone")
            case 1:
                return None
            case 2:
                return piece.decode("latin-1")
            case 3:
                return memoryview(piece)
        return piece

    def seek(self, offset: int, whence: int = 0, /) -> int:
        if self._strange == 4:
            raise io.UnsupportedOperation("seek")
        return super().seek(offset, whence)


def _array(random: np.random.Generator) -> Any:
    kind = random.choice(["uint8", "uint16", "bool", "int8", "int32", "int64", "float16", "float32", "float64", "O"])
    axes = int(random.integers(5))
    shape = [int(random.choice([0, 1, 2, 3, 4, 5, 33])) for _ in range(axes)]
    if axes == 3 and random.integers(2):
        shape[2] = int(random.integers(1, 5))
    array = np.asarray(random.integers(0, 2, shape) * 200).astype(kind)
    match int(random.integers(8)):
        case 0:
            array = array.T
        case 1 if axes:
            array = array[::-2]
        case 2:
            array = array.astype(array.dtype.newbyteorder(">"))
        case 3:
            return array.view(np.ma.MaskedArray)
        case 4 if kind not in "O":
            return StrangeArray(array, random)
        case 5 if kind.startswith("float"):
            array[...] = random.choice([np.nan, np.inf, -1e30, 1e30, -0.0])
    return array


class StrangeArray:
    """Another library's array; its interface may say what is not so.

    Its data are bytes, whose end numpy knows, and never an address: no reader can tell whether there is anything.
    """

    def __init__(self, array: Any, random: np.random.Generator) -> None:
        interface = {"version": 3, "typestr": array.dtype.str, "shape": array.shape, "data": array.tobytes()}
        strange = (None, -1, (), (2**40, 3), (-1, 2), ("a",), "|u1", "<q9", "", b"", [], 2.5, (1, 2, 3, 4, 5))
        key = (*interface, "strides", "descr", "mask", "nothing")[int(random.integers(8))]
        if key != "nothing":
            value = strange[int(random.integers(len(strange)))]
            interface[key] = b"\1\2\3" if key == "data" and isinstance(value, tuple) else value
        if random.integers(8) == 0:
            del interface[sorted(interface)[int(random.integers(len(interface)))]]
        self.__array_interface__ = interface
