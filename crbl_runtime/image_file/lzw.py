"""How many bytes a TIFF LZW strip holds, found without decoding them.

libtiff leaves rows black where such a strip is corrupt, and OpenCV passes that on as success. Source: TIFF 6.0,
section 13. Codes between two clear codes have known widths, so a whole run of them is read at once.
"""

import numpy as np
from numpy.typing import NDArray

CLEAR, END, FIRST_ENTRY = 256, 257, 258
# The first code after a clear adds no entry, and the width grows one code early: after entries 510, 1022 and 2046.
CODES_OF_WIDTH = {9: 254, 10: 512, 11: 1024, 12: 2050}
WIDTHS = np.repeat(list(CODES_OF_WIDTH), list(CODES_OF_WIDTH.values())).astype(np.int64)
STARTS = np.concatenate([[0], np.cumsum(WIDTHS)[:-1]])


def lzw_length(strip: bytes, at_most: int) -> int:
    """The bytes an LZW strip decodes to.

    Args:
        strip: the compressed bytes.
        at_most: stop once this many are reached.

    Raises:
        ValueError: the strip starts without a clear code, or uses a code that is not yet in its table.
    """
    padded = np.frombuffer(strip + b"\0\0", np.uint8).astype(np.int64)
    bits = 8 * len(strip)
    position, length = 0, 0
    while length < at_most:
        codes = _codes_from(padded, position, bits)
        stops = np.flatnonzero((codes == CLEAR) | (codes == END))
        run = codes[: stops[0]] if stops.size else codes
        if position == 0 and (run.size or not stops.size):
            raise ValueError("the LZW data do not start with a clear code")
        length += int(_string_lengths(run).sum())
        if not stops.size:
            if codes.size == WIDTHS.size:
                raise ValueError("the LZW table overflows")
            return length
        if codes[stops[0]] == END:
            return length
        position += int(STARTS[stops[0]] + WIDTHS[stops[0]])
    return length


def _codes_from(padded: NDArray[np.int64], position: int, bits: int) -> NDArray[np.int64]:
    """The codes that follow bit `position`, as if no clear code came: int64 [n]."""
    starts = position + STARTS
    whole = int(np.searchsorted(starts + WIDTHS, bits, side="right"))
    starts, widths = starts[:whole], WIDTHS[:whole]
    byte = starts >> 3
    window = padded[byte] << 16 | padded[byte + 1] << 8 | padded[byte + 2]
    codes: NDArray[np.int64] = (window >> (24 - (starts & 7) - widths)) & ((1 << widths) - 1)
    return codes


def _string_lengths(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The length of the string each code stands for: int64 [n].

    Entry 258 + i is the string of code i and one byte more, so each code is a link to an earlier one, and its length is
    the number of links down to a literal. Doubling the links finds all lengths in at most 12 steps.
    """
    link = codes - FIRST_ENTRY
    if np.any(link >= np.arange(codes.size)):
        raise ValueError("the LZW data use a code that is not yet in their table")
    lengths = np.ones(codes.size, np.int64)
    link = np.maximum(link, -1)
    while (linked := link >= 0).any():
        target = link[linked]
        lengths[linked] += lengths[target]
        link[linked] = link[target]
    return lengths
