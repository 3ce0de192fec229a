"""One model file, or a crop and a full one that decide together."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from crbl_runtime.combined_detector import CombinedDetector
from crbl_runtime.detector import Detector
from crbl_runtime.errors import UsageError

ModelPaths: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def model_paths(model: ModelPaths) -> tuple[Path, ...]:
    """The one or two files that were named.

    Raises:
        UsageError: there are none, or more than two.
    """
    paths = (model,) if isinstance(model, str | os.PathLike) else tuple(model)
    if len(paths) not in (1, 2):
        raise UsageError(f"{len(paths)} model files were given, expected one, or a crop and a full one.")
    return tuple(map(Path, paths))


def open_models(paths: Sequence[Path], **arguments: Any) -> Detector | CombinedDetector:
    """The detector of one or two model files; `arguments` and errors are its own."""
    if len(paths) == 1:
        return Detector(paths[0], **arguments)
    return CombinedDetector(paths[0], paths[1], **arguments)


def payload_hashes(detector: Detector | CombinedDetector) -> dict[str, str]:
    """The SHA-256 of the payload of each model, by its variant."""
    detectors = [detector] if isinstance(detector, Detector) else [detector.crop, detector.full]
    return {each.contract.variant: each.contract.payload_sha256 for each in detectors}
