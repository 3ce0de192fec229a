"""Which keys are among those that were scored already, for more of them than strings would fit in memory."""

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow

# Of 10^9 keys two have the same 16 bytes with a probability of 1e-21.
DIGEST_BYTES = 16

Digests = NDArray[np.bytes_]


def digests(keys: Iterable[str]) -> Digests:
    """A short hash of each key: 16 bytes each, in the keys' order."""
    hashed = (hashlib.blake2b(key.encode(), digest_size=DIGEST_BYTES).digest() for key in keys)
    return np.frombuffer(b"".join(hashed), f"S{DIGEST_BYTES}")


def not_among(keys: "pyarrow.Array | pyarrow.ChunkedArray", known: Digests) -> NDArray[np.bool_]:
    """Which of the keys are not among `known`, the sorted digests of others."""
    wanted = digests(keys.to_pylist())
    if not len(known):
        return np.ones(len(wanted), np.bool_)
    nearest = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.asarray(known[nearest] != wanted)
