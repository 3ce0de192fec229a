"""A model file that notices when any byte of it was changed: it carries the SHA-256 of itself.

The hash is that of the whole file with the hash's own 64 characters written as zeros. So no ONNX package is needed to
check it, and weights, graph, threshold and preprocessing are all under it. It finds damage; it is no signature, for
whoever changes a file on purpose can compute it anew.
"""

import hashlib

from crbl_runtime.errors import ModelFileError

UNKNOWN_SHA256 = "0" * 64

# As the contract's JSON writes it. Within a text of that JSON the quotes would be escaped.
_FIELD = b'"payload_sha256": "'


def with_payload_sha256(content: bytes) -> bytes:
    """A model file's content with its own hash in place of the zeros.

    Raises:
        ModelFileError: the content has no such field, or more than one.
    """
    start = _find_field(content, "The model file")
    if start is None:
        raise ModelFileError("The model file has no field for the SHA-256 of its payload. Export the model again.")
    return b"".join((content[:start], _sha256(content, start).encode(), content[start + 64 :]))


def check_payload(content: bytes, source: str) -> str | None:
    """The hash that a file carries, once it is known to be right; None for a file that carries none.

    Args:
        content: of the file. source: its name, for messages.

    Raises:
        ModelFileError: the file is not the one that was exported.
    """
    start = _find_field(content, source)
    if start is None:
        return None
    recorded, actual = content[start : start + 64], _sha256(content, start).encode()
    if recorded != actual:
        raise ModelFileError(
            f"{source} is damaged or was changed after its export: the SHA-256 of its payload is "
            f"{actual[:12].decode()}…, but the file records {recorded[:12].decode('ascii', 'replace')}…. "
            "Copy it again, or export the model again."
        )
    return recorded.decode()


def _find_field(content: bytes, source: str) -> int | None:
    """Where the hash's characters start."""
    found = content.count(_FIELD)
    if found > 1:
        raise ModelFileError(f"{source} carries {found} hashes of its payload, expected one. Export the model again.")
    return content.index(_FIELD) + len(_FIELD) if found else None


def _sha256(content: bytes, start: int) -> str:
    view = memoryview(content)
    digest = hashlib.sha256(view[:start])
    digest.update(UNKNOWN_SHA256.encode())
    digest.update(view[start + 64 :])
    return digest.hexdigest()
