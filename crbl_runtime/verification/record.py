"""What a model file was proven on: images as hashes, with the logits that PyTorch gave for them.

It is written where the file is exported, and read where it runs, so that the proof can be repeated without PyTorch.
"""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.errors import UsageError
from crbl_runtime.preprocessing import PreparedImage, PreprocessingSpec, decode_for, prepare_decoded

RECORD_SCHEMA_VERSION = 1


@dataclass(frozen=True)
class ImageHashes:
    """SHA-256 of an image on its way from the file to the network.

    Attributes:
        file: of its bytes; of the pixels where the image is no file. decoded: of its height and width, as text, and
            its RGB uint8 pixels. prepared: of the uint8 pixels that the network is given.
    """

    file: str
    decoded: str
    prepared: str


@dataclass(frozen=True)
class RecordedImage:
    """An image that the file was compared with PyTorch on.

    Attributes:
        name: of the file, within its folder. sha256: of the image on its way to the network.
        logit: of PyTorch in float64. is_anomaly: the decision that follows from it.
    """

    name: str
    sha256: ImageHashes
    logit: float
    is_anomaly: bool


@dataclass(frozen=True)
class ParityRecord:
    """The proof of one model file.

    Attributes:
        model_sha256: of the whole model file.
        images_source: where the images come from, in words. made_images: whether they are those of the self-test,
            which are made by formula, and no files.
        limit: what |logit difference| the gate allowed. margin: how near to the threshold a decision may differ.
        images: all that were compared; at least one.
    """

    model_sha256: str
    images_source: str
    made_images: bool
    limit: float
    margin: float
    images: tuple[RecordedImage, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return {"schema_version": RECORD_SCHEMA_VERSION} | asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ParityRecord":
        """The record that `to_dict` wrote.

        Raises:
            UsageError: a key is missing or unknown, a value is of another kind, or there is no image.
        """
        try:
            given = dict(values)
            version = given.pop("schema_version")
            if version != RECORD_SCHEMA_VERSION:
                raise ValueError(f"its schema version is {version}, this crbl knows {RECORD_SCHEMA_VERSION}")
            images = tuple(map(_recorded_image, given.pop("images")))
            if not images:
                raise ValueError("it has no images")
            record = cls(images=images, **given)
            _require_numbers(record.limit, record.margin, *(image.logit for image in images))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(
                f"The parity record cannot be used ({error}). Name the report that crbl-export left beside the model."
            ) from error
        return record


def read_record(path: Path) -> ParityRecord:
    """The record in a report that crbl-export left beside a model, or that `crbl-parity --json` printed.

    Raises:
        UsageError: the file cannot be read or holds none.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        record = values["record"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} is no parity report ({error}). Name the .parity.json that crbl-export left beside the model."
        ) from error
    return ParityRecord.from_dict(record)


def prepare_and_hash(image: bytes | NDArray[np.uint8], spec: PreprocessingSpec) -> tuple[PreparedImage, ImageHashes]:
    """Prepare an image, and hash it on its way.

    Args:
        image: the content of a file, or uint8 [H, W, 3].

    Raises:
        ImageError: the image cannot be decoded.
    """
    decoded = decode_for(image, spec)
    prepared = prepare_decoded(decoded, spec)
    height, width = decoded.pixels.shape[:2]
    return prepared, ImageHashes(
        file=content_sha256(image),
        decoded=hashlib.sha256(f"{height} {width};".encode() + decoded.pixels.tobytes()).hexdigest(),
        prepared=hashlib.sha256(prepared.pixels.tobytes()).hexdigest(),
    )


def content_sha256(image: bytes | NDArray[np.uint8]) -> str:
    """SHA-256 of a file's content, or of the pixels of an image that is no file."""
    return hashlib.sha256(image if isinstance(image, bytes) else image.tobytes()).hexdigest()


def _recorded_image(values: dict[str, Any]) -> RecordedImage:
    expected = {field.name for field in fields(RecordedImage)}
    if set(values) != expected:
        raise ValueError(f"an image has the keys {sorted(values)}, expected {sorted(expected)}")
    return RecordedImage(**{**values, "sha256": ImageHashes(**values["sha256"])})


def _require_numbers(*values: object) -> None:
    for value in values:
        if not isinstance(value, float) or not math.isfinite(value):
            raise ValueError(f"{value!r} stands where a number is expected")
