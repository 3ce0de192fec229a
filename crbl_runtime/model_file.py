"""A model file, read and checked as far as it can be before a GPU's driver sees it."""

from dataclasses import dataclass
from pathlib import Path

from crbl_runtime.contract import INPUT_NAME, LOGIT_NAME, METADATA_KEY, PROBABILITY_NAME, ModelContract
from crbl_runtime.errors import ModelFileError, UsageError
from crbl_runtime.path_length import too_long
from crbl_runtime.payload import check_payload
from crbl_runtime.session import Session

SIGNATURE = {INPUT_NAME: "tensor(uint8)", PROBABILITY_NAME: "tensor(float)", LOGIT_NAME: "tensor(float)"}

# Whether the payload's hash has to be right.
VERIFY = ("on", "off")


@dataclass(frozen=True)
class ModelFile:
    """What was read.

    Attributes:
        content: all of it. payload_sha256: its hash, which was checked; None where it carries none.
        verified: whether the hash was to be checked.
    """

    path: Path
    content: bytes
    payload_sha256: str | None
    verified: bool


def read_model(path: Path, verify: str) -> ModelFile:
    """A model file of which nothing was changed since it was exported, and which can do nothing but compute.

    Args:
        verify: "on"; or "off" for a file that was edited on purpose, so that its hash cannot be right.

    Raises:
        ModelFileError: the file is missing, empty, damaged or changed, or no ONNX file such as crbl-export writes.
        UsageError: `verify` is unknown.
    """
    if verify not in VERIFY:
        raise UsageError(f"verify is {verify!r}, expected one of {', '.join(VERIFY)}.")
    content = _read(path)
    payload_sha256 = check_payload(content, path.name) if verify == "on" else None
    # Only here, because a program that imports crbl_runtime may open no file.
    from crbl_runtime.model_content import check_model_content

    check_model_content(content, path.name)
    return ModelFile(path, content, payload_sha256, verified=verify == "on")


def read_contract(session: Session, file: ModelFile) -> ModelContract:
    """The contract in a model file's metadata.

    Raises:
        ModelFileError: the file is no CRBL model, or its inputs and outputs are others than the contract says.
    """
    text = session.metadata.get(METADATA_KEY)
    if text is None:
        raise ModelFileError(
            f"{file.path} is an ONNX model but no CRBL model: it has no '{METADATA_KEY}' metadata. "
            "Name a file that crbl-export wrote."
        )
    contract = ModelContract.from_json(text, str(file.path))
    if file.verified and contract.payload_sha256 != file.payload_sha256:
        raise ModelFileError(f"{file.path} has a contract that was written by another program. Export the model again.")
    if any(session.signature.get(name) != kind for name, kind in SIGNATURE.items()):
        raise ModelFileError(f"{file.path} has the inputs and outputs {session.signature}, expected {SIGNATURE}.")
    if session.image_size != contract.preprocessing.image_size:
        raise ModelFileError(
            f"{file.path} takes images of {session.image_size} pixels, but its contract says "
            f"{contract.preprocessing.image_size}. Export the model again."
        )
    return contract


def _read(path: Path) -> bytes:
    from crbl_runtime.model_content import check_model_size

    try:
        check_model_size(path.stat().st_size, path.name)
        content = path.read_bytes()
    except OSError as error:
        remedy = too_long(path, error) or "Name a file that crbl-export wrote."
        raise ModelFileError(f"The model file {path} cannot be read ({error.strerror}). {remedy}") from error
    if not content:
        raise ModelFileError(f"The model file {path} is empty. Export the model again.")
    return content
