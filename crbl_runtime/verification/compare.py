"""A model file's logits on one execution provider, compared with those that PyTorch gave where it was exported."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from crbl_runtime.detector import Detector
from crbl_runtime.errors import NotFiniteError
from crbl_runtime.flipped_decisions import flipped_decisions
from crbl_runtime.preprocessing import PreparedImage
from crbl_runtime.verification.images_here import STAGES, PreparedHere


@dataclass(frozen=True)
class ProviderComparison:
    """What a model file gives on one execution provider, compared with the record.

    Attributes:
        provider: "directml", "cuda" or "cpu". images: how many were compared.
        largest: the largest |logit difference| from PyTorch in float64.
        largest_by_stage: the same by the stage from which on this machine computes otherwise; None for no image.
        worst_image: where the largest one was seen.
        flips: decisions that differ outside the margin. flips_within_margin: those that differ nearer to the threshold.
        not_finite: images whose logit is NaN or infinite; they are not part of `largest`.
    """

    provider: str
    images: int
    largest: float
    largest_by_stage: dict[str, float | None]
    worst_image: str
    flips: int
    flips_within_margin: int
    not_finite: int

    @property
    def passed(self) -> bool:
        """Whether the file decides on this provider as PyTorch did."""
        return not self.flips and not self.not_finite


class FilePrediction(NamedTuple):
    """What a model file gives for one image."""

    logit: float
    probability: float
    is_anomaly: bool


def compare_provider(model: Path, provider: str, images: Sequence[PreparedHere], margin: float) -> ProviderComparison:
    """Predict prepared images one by one, as a program that embeds the runtime does.

    Args:
        images: at least one. margin: how near to the threshold a decision may differ, in logits.

    Raises:
        ModelFileError, UnavailableError, WrongResultsError: see `Detector`.
    """
    with Detector(model, provider) as detector:
        kind, threshold = detector.provider.kind, detector.contract.threshold
        progress = tqdm(images, desc=f"Model file, {kind}", unit="", leave=False, disable=None)
        predicted = [predict_or_nan(detector, image.prepared) for image in progress]
    logits = np.array([each.logit for each in predicted])
    decisions = np.array([each.is_anomaly for each in predicted])
    expected = np.array([image.recorded.logit for image in images])
    stages = np.array([image.stage for image in images])
    finite = np.isfinite(logits)
    differences = np.abs(np.where(finite, logits, expected) - expected)
    flips = flipped_decisions(decisions[finite], expected[finite], threshold, margin)
    return ProviderComparison(
        provider=kind,
        images=len(images),
        largest=float(np.max(differences)),
        largest_by_stage={stage: _largest(differences[finite & (stages == stage)]) for stage in STAGES},
        worst_image=images[int(np.argmax(differences))].recorded.name,
        flips=int(np.sum(flips.outside_margin)),
        flips_within_margin=int(np.sum(flips.within_margin)),
        not_finite=int(np.sum(~finite)),
    )


def predict_or_nan(detector: Detector, image: PreparedImage) -> FilePrediction:
    """What the file gives; NaN, and no anomaly, where the network does not give a number."""
    try:
        (prediction,) = detector.predict_prepared([image])
    except NotFiniteError:
        return FilePrediction(math.nan, math.nan, False)
    return FilePrediction(prediction.logit, prediction.probability, prediction.is_anomaly)


def _largest(differences: NDArray[np.float64]) -> float | None:
    return float(np.max(differences)) if len(differences) else None
