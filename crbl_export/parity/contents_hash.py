"""What tells one set of images from another: a hash of their contents, not of their names."""

import hashlib
from collections.abc import Iterable


def contents_hash(sha256s: Iterable[str]) -> str:
    """SHA-256 over the SHA-256s (hexadecimal) of encoded images or arrays, in order."""
    return hashlib.sha256(b"".join(map(bytes.fromhex, sha256s))).hexdigest()
