"""How much a zlib stream holds, found without keeping it."""

import zlib
from collections.abc import Iterable

PIECE = 2**20


def inflated_length(pieces: Iterable[bytes], at_most: int) -> tuple[int, bool]:
    """Inflate a zlib stream in bounded memory.

    Args:
        pieces: the stream, cut anywhere.
        at_most: stop once more than this many bytes have come out, whatever the stream holds.

    Returns:
        The bytes that came out, and whether the stream ended there with its checksum right.

    Raises:
        zlib.error: the stream is corrupt or its checksum wrong.
    """
    stream = zlib.decompressobj()
    length = 0
    for piece in pieces:
        while piece and not stream.eof and length <= at_most:
            length += len(stream.decompress(piece, PIECE))
            piece = stream.unconsumed_tail
    # What zlib took in but did not give out yet: at most one window, and only where the input has run out.
    while not stream.eof and length <= at_most and (rest := stream.decompress(b"", PIECE)):
        length += len(rest)
    return length, stream.eof
