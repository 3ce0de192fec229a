"""What libjpeg keeps silent about: a JPEG stream without its end, or of a kind that hides missing data.

Source: ITU-T T.81, annex B.
"""

import re

from crbl_runtime.image_file.limits import damaged, unsupported

START = b"\xff\xd8\xff"
END_OF_IMAGE, START_OF_SCAN = 0xD9, 0xDA
# Start-of-frame markers; 0xC4, 0xC8 and 0xCC within their range are something else.
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
BASELINE, EXTENDED, PROGRESSIVE = 0xC0, 0xC1, 0xC2
# No markers, or without a segment: 0xFF00 is a stuffed byte, 0x01 is TEM, 0xD0 to 0xD7 are restarts, 0xD8 is SOI.
MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])", re.DOTALL)


def end_of_jpeg(content: bytes, name: str) -> int:
    """Walk the markers of a JPEG stream and return where its end-of-image marker stands.

    Raises:
        ImageError: a segment or the end is missing, or the frame is not 8-bit baseline, extended or progressive.
    """
    position, scans = 2, 0
    while found := MARKER.search(content, position):
        marker, position = found[1][0], found.end()
        if marker == END_OF_IMAGE:
            if not scans:
                raise damaged(name, "the JPEG holds no image (no start-of-scan marker)")
            return found.start()
        length = int.from_bytes(content[position : position + 2], "big")
        if marker in FRAMES and marker not in (BASELINE, EXTENDED, PROGRESSIVE):
            raise unsupported(name, "lossless, hierarchical or arithmetic-coded JPEG")
        if marker in FRAMES and content[position + 2 : position + 3] != b"\x08":
            raise unsupported(name, "JPEG of other than 8 bits")
        scans += marker == START_OF_SCAN
        position += length
    raise damaged(name, "the JPEG data are cut off (no end-of-image marker)")
