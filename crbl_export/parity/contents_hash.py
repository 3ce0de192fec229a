"""What tells one set of images from another: a hash of their contents, not of their names."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def contents_hash(contents: Sequence[bytes | NDArray[np.uint8]]) -> str:
    """SHA-256 over encoded images or arrays, in order."""
    digest = hashlib.sha256()
    for content in contents:
        data = content if isinstance(content, bytes) else content.tobytes()
        digest.update(hashlib.sha256(data).digest())
    return digest.hexdigest()
