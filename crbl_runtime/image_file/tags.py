"""The tags of a TIFF directory, which is what TIFF files and EXIF blocks are both made of.

Source: TIFF 6.0 section 2; BigTIFF for the 64-bit form.
"""

import struct
from collections.abc import Set

import numpy as np
from numpy.typing import NDArray

# SHORT, LONG and LONG8: what every tag read here may be.
INTEGER_TYPES = {3: "u2", 4: "u4", 16: "u8"}
ORIENTATION = 0x0112
MOST_ENTRIES = 65535


def read_tags(content: bytes, wanted: Set[int]) -> dict[int, NDArray[np.int64]]:
    """The integer tags of the first directory of a TIFF structure.

    Args:
        content: bytes from the byte order mark ('II' or 'MM') on.
        wanted: the tag numbers to read; others are passed over, whatever is wrong with them.

    Returns:
        The values of each wanted tag that is there, each int64 [count].

    Raises:
        ValueError: this is no TIFF structure, the directory or a wanted value lies outside `content`, or a wanted value
            is no integer.
    """
    order = {b"II": "<", b"MM": ">"}.get(content[:2])
    if order is None:
        raise ValueError("no byte order mark")
    try:
        (magic,) = struct.unpack_from(order + "H", content, 2)
        if magic == 42:
            return _read_directory(content, wanted, order, "I", "H", struct.unpack_from(order + "I", content, 4)[0])
        if magic == 43:
            return _read_directory(content, wanted, order, "Q", "Q", struct.unpack_from(order + "Q", content, 8)[0])
    except struct.error as error:
        raise ValueError("its directory is cut off") from error
    raise ValueError("neither TIFF nor BigTIFF")


def orientation(exif: bytes) -> int:
    """The orientation, 1 to 8, that an EXIF block gives; 1 (upright) where it gives none.

    An unreadable block counts as none: cameras write many such, and the pixels are sound without it.
    """
    try:
        values = read_tags(exif.removeprefix(b"Exif\0\0"), {ORIENTATION}).get(ORIENTATION)
    except ValueError:
        return 1
    return int(values[0]) if values is not None and values.size == 1 and 1 <= values[0] <= 8 else 1


def _read_directory(
    content: bytes, wanted: Set[int], order: str, offset_type: str, count_type: str, start: int
) -> dict[int, NDArray[np.int64]]:
    (entries,) = struct.unpack_from(order + count_type, content, start)
    if entries > MOST_ENTRIES:
        raise ValueError(f"its directory declares {entries} entries")
    entry = struct.Struct(f"{order}HH{offset_type}")
    value_bytes = struct.calcsize(offset_type)
    first = start + struct.calcsize(order + count_type)
    tags: dict[int, NDArray[np.int64]] = {}
    for position in range(first, first + entries * (entry.size + value_bytes), entry.size + value_bytes):
        tag, kind, count = entry.unpack_from(content, position)
        if tag not in wanted or tag in tags:
            continue
        if kind not in INTEGER_TYPES:
            raise ValueError(f"tag {tag} is of type {kind}, no integer")
        stored = np.dtype(order + INTEGER_TYPES[kind])
        at = position + entry.size
        if count * stored.itemsize > value_bytes:
            (at,) = struct.unpack_from(order + offset_type, content, at)
        if at + count * stored.itemsize > len(content):
            raise ValueError(f"the values of tag {tag} lie beyond its end")
        values = np.frombuffer(content, stored, count, at)
        if values.size and values.max() >= 2**63:
            raise ValueError(f"tag {tag} holds {values.max()}")
        tags[tag] = values.astype(np.int64)
    return tags
