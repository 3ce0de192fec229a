"""What the review page is told of images and models."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.report.picture import Picture


class ShownPrediction(Protocol):
    """What is shown of one model's prediction, of which `Prediction` says what it means."""

    @property
    def probability(self) -> float: ...
    @property
    def logit(self) -> float: ...
    @property
    def calibrated_probability(self) -> float | None: ...
    @property
    def region_found(self) -> bool: ...
    @property
    def box(self) -> tuple[int, int, int, int]: ...
    @property
    def heatmap(self) -> NDArray[np.float32] | None: ...


@dataclass(frozen=True)
class ReviewedModel:
    """A model whose predictions are shown.

    Attributes:
        variant: "crop" or "full". file: its name. labels: of the two decisions, normal first.
        threshold: of the probability, 0 to 1. threshold_source: how it was chosen, as text.
        provider: where it ran. fallback: why a better provider was not used, or None.
    """

    variant: str
    file: str
    labels: tuple[str, str]
    threshold: float
    threshold_source: str
    provider: str
    fallback: str | None


@dataclass(frozen=True)
class ReviewedImage:
    """An image that is shown, with the prediction of each model, or why there is none.

    Attributes:
        predictions: in the order of the models; none where there is an error. error: why it was not predicted.
        picture: None where the image cannot be read. notes: what must be known about how it was read.
        label: 0 normal, 1 anomaly, None for not known. kind: of the anomaly, empty for none that is known.
    """

    path: Path
    predictions: Sequence[ShownPrediction]
    picture: Picture | None
    error: str | None = None
    notes: tuple[str, ...] = ()
    label: int | None = None
    kind: str = ""
