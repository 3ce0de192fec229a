"""The metadata of a model file: the contract between the exporter and every program that loads the file."""

import json
import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from crbl_runtime.calibration import Calibration, calibration_from_json, calibration_to_json
from crbl_runtime.decision import require_threshold
from crbl_runtime.errors import ModelFileError, UsageError
from crbl_runtime.payload import UNKNOWN_SHA256
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_runtime.self_test import IMAGES
from crbl_runtime.variant import VARIANTS

SCHEMA_VERSION = 4
# What contracts of older versions that are still read do not have.
OLDER_VERSIONS: dict[int, dict[str, Any]] = {3: {"calibration": None}}
METADATA_KEY = "crbl"
INPUT_NAME = "image"
PROBABILITY_NAME = "probability"
LOGIT_NAME = "logit"
HEATMAP_NAME = "heatmap"
BATCH_DIMENSION = "batch"

# Of the JSON values that are taken as they are, or whose members are.
_TYPES: dict[str, type | tuple[type, ...]] = {
    "threshold_source": str,
    "labels": list,
    "precision": str,
    "training": dict,
    "export": dict,
    "parity": (dict, type(None)),
    "golden_image": str,
    "payload_sha256": str,
}


@dataclass(frozen=True)
class SelfTest:
    """Logits that the file must give for `self_test_images`, on any machine.

    Attributes:
        logits: of the float64 PyTorch model, one an image.
        tolerance: largest |difference| of a logit on a driver that computes correctly.
    """

    logits: tuple[float, ...]
    tolerance: float


@dataclass(frozen=True)
class ModelContract:
    """Everything a program must know to use a model file.

    Input `image`: uint8 [batch, size, size, 3], RGB, prepared by `preprocessing`. Outputs `probability` and
    `logit`: float32 [batch]; `heatmap`, where the file has it: float32 [batch, h, w], cells that sum to logit - bias.

    Attributes:
        variant: "crop" or "full".
        threshold: an image is anomalous when its probability is greater than this, 0 to 1.
        threshold_source: how the threshold was chosen.
        labels: names of the two decisions: not anomalous, anomalous.
        precision: "fp32" or "fp16".
        preprocessing: how an image is prepared for the network.
        training: provenance of the weights.
        export: versions and options of the export.
        parity: what the parity gate measured, or None before the gate.
        self_test: reference values for a check on the user's machine.
        golden_image: SHA-256 of the golden image's pixels, prepared where the file was exported.
        payload_sha256: of the file that carries the contract, see `payload`; zeros before it is written.
        calibration: how a logit becomes a probability that was fitted to labelled images, or None. The outputs, the
            threshold and the decisions know nothing of it.
    """

    variant: str
    threshold: float
    threshold_source: str
    labels: tuple[str, str]
    preprocessing: PreprocessingSpec
    precision: str
    training: dict[str, Any]
    export: dict[str, Any]
    parity: dict[str, Any] | None
    self_test: SelfTest
    golden_image: str
    payload_sha256: str = UNKNOWN_SHA256
    calibration: Calibration | None = None

    def to_json(self) -> str:
        """Canonical JSON: the same contract gives the same text."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values |= {
            "schema_version": SCHEMA_VERSION,
            "preprocessing": self.preprocessing.to_dict(),
            "preprocessing_hash": self.preprocessing.hash,
            "self_test": asdict(self.self_test),
            "calibration": calibration_to_json(self.calibration),
        }
        return json.dumps(values, sort_keys=True, ensure_ascii=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str, source: str) -> "ModelContract":
        """The contract that `to_json` wrote.

        Args:
            source: the file's name, for messages.

        Raises:
            ModelFileError: the text is no contract, is of another schema version, or contradicts itself.
        """
        try:
            values = json.loads(text)
            version = values.pop("schema_version")
        # RecursionError: lists within lists.
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            raise ModelFileError(f"{source} has a damaged contract ({error}). Export the model again.") from error
        added = _added_since(version, source)
        spec_hash = values.pop("preprocessing_hash", None)
        expected = {field.name for field in fields(cls)} - added.keys()
        if set(values) != expected:
            raise ModelFileError(
                f"{source} has a contract with the keys {sorted(values)}, expected {sorted(expected)}. "
                "Export the model again."
            )
        values |= added
        try:
            spec = PreprocessingSpec.from_dict(values.pop("preprocessing"))
            _require_types(values)
            contract = cls(
                preprocessing=spec,
                self_test=_self_test(values.pop("self_test")),
                labels=_two_labels(values.pop("labels")),
                threshold=require_threshold(float(values.pop("threshold"))),
                calibration=calibration_from_json(values.pop("calibration")),
                **values,
            )
        except (UsageError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise ModelFileError(f"{source} has a damaged contract ({error}). Export the model again.") from error
        if spec_hash != spec.hash:
            raise ModelFileError(
                f"{source} was exported with a preprocessing whose hash is {spec_hash}, but the preprocessing it "
                f"describes has {spec.hash}: it was changed after the export. Export the model again."
            )
        return contract


def _added_since(version: object, source: str) -> dict[str, Any]:
    """What a contract of this version lacks, with the values that stand for it."""
    if version == SCHEMA_VERSION:
        return {}
    if isinstance(version, int) and version in OLDER_VERSIONS:
        return OLDER_VERSIONS[version]
    newer = isinstance(version, int) and version > SCHEMA_VERSION
    remedy = "Upgrade crbl: pip install --upgrade crbl" if newer else "With this crbl export the model again"
    known = ", ".join(map(str, (*OLDER_VERSIONS, SCHEMA_VERSION)))
    raise ModelFileError(
        f"{source} has a contract of schema version {version!r:.40}, this crbl knows the versions {known}. "
        f"{remedy}, or install the one that exported it."
    )


def _two_labels(labels: list[str]) -> tuple[str, str]:
    normal, anomaly = labels
    if not isinstance(normal, str) or not isinstance(anomaly, str):
        raise ValueError(f"the labels are {labels}, expected two texts")
    return normal, anomaly


def _self_test(values: dict[str, Any]) -> SelfTest:
    logits, tolerance = tuple(map(float, values["logits"])), float(values["tolerance"])
    if len(logits) != IMAGES or not all(map(math.isfinite, (*logits, tolerance))) or tolerance < 0:
        raise ValueError(f"the self-test is {values}, expected {IMAGES} finite logits and a tolerance")
    return SelfTest(logits, tolerance)


def _require_types(values: dict[str, Any]) -> None:
    """Make sure of what is taken as it is."""
    if values["variant"] not in VARIANTS:
        raise ValueError(f"the variant is {values['variant']!r}, expected one of {', '.join(VARIANTS)}")
    for name, kinds in _TYPES.items():
        if not isinstance(values[name], kinds):
            raise ValueError(f"{name} is {values[name]!r:.40}")
