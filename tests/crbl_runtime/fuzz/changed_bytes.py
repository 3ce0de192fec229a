"""Bytes that are nearly those of a file."""

import numpy as np

# Integers that programs trip over, as files store them: limits of signs and sizes, and one beside them.
INTERESTING = (0, 1, 2, 3, 7, 8, 64, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000)
INTERESTING += (0xFFFFFFFF, 2**32, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1)
# Where most of a file's sizes and offsets are.
HEADER = 200


def changed_bytes(content: bytes, others: list[bytes], random: np.random.Generator) -> bytes:
    """The file with up to four changes, half of them in its beginning; `others` are files to take pieces from."""
    changed = bytearray(content)
    for _ in range(random.integers(1, 5)):
        if not changed:
            break
        reach = len(changed) if random.integers(2) else min(HEADER, len(changed))
        start = int(random.integers(reach))
        end = min(start + int(random.integers(1, 100)), len(changed))
        match int(random.integers(8)):
            case 0:
                changed[start] ^= 1 << int(random.integers(8))
            case 1:
                changed[start] = int(random.integers(256))
            case 2 | 3:
                _write_integer(changed, start, random)
            case 4:
                del changed[start:end]
            case 5:
                changed[start:start] = changed[start:end]
            case 6:
                other = others[int(random.integers(len(others)))]
                source = int(random.integers(len(other)))
                changed[start:end] = other[source : source + end - start]
            case _:
                # Rarer than one change in eight: what is cut off hides all that is behind.
                del changed[end if random.integers(3) == 0 else len(changed) :]
    return bytes(changed)


def _write_integer(changed: bytearray, start: int, random: np.random.Generator) -> None:
    size = int(random.choice([1, 2, 4, 8]))
    value = INTERESTING[int(random.integers(len(INTERESTING)))] % 256**size
    order = "little" if random.integers(2) else "big"
    changed[start : start + size] = value.to_bytes(size, order)
