"""How far probabilities are those of the labels: Brier score, log loss, calibration error, and what a diagram shows."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from sklearn.metrics import brier_score_loss

from crbl_training.evaluation.bootstrap import Floats, Integers
from crbl_training.evaluation.wilson import wilson_interval
from crbl_training.model.loss import binary_cross_entropy

BINS = 10
# With fewer images in a bin the calibration error measures little else than chance.
BIN_IMAGES = 5


@dataclass(frozen=True)
class Bin:
    """Images of about the same probability.

    Attributes:
        images, anomalies: how many there are, and how many of them are anomalous.
        probability: their mean probability. share: of anomalies among them.
        low, high: the `wilson_interval` of the share.
    """

    images: int
    anomalies: int
    probability: float
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Reliability:
    """How far the probabilities of labelled images can be taken for frequencies.

    Attributes:
        brier: mean squared difference of probability and label, 0 to 1. log_loss: mean cross-entropy.
        calibration_error: the expected calibration error: mean |probability - share| over the bins, by their images.
        bins: at most 10 with as many images each, as far as equal probabilities let them; from low to high.
    """

    brier: float
    log_loss: float
    calibration_error: float
    bins: tuple[Bin, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return asdict(self)

    def measures(self) -> dict[str, float]:
        """The three numbers, without the bins."""
        return {"brier": self.brier, "log_loss": self.log_loss, "calibration_error": self.calibration_error}


def reliability(log_odds: Floats, truth: Integers) -> Reliability:
    """Measure the probabilities of images.

    Bins of equal mass have less bias than those of equal width (Roelofs et al., AISTATS 2022).

    Args:
        log_odds: [N]. truth: [N], 0 normal, 1 anomaly, both present.
    """
    logits, labels = torch.from_numpy(log_odds), torch.from_numpy(truth).double()
    probabilities: Floats = logits.sigmoid().numpy()
    bins = _bins(probabilities, truth)
    return Reliability(
        brier=float(brier_score_loss(truth, probabilities)),
        # From the log odds: a probability that is rounded to 0 or 1 has no logarithm.
        log_loss=float(binary_cross_entropy(logits, labels).mean()),
        calibration_error=sum(each.images * abs(each.probability - each.share) for each in bins) / len(truth),
        bins=bins,
    )


def _bins(probabilities: Floats, truth: Integers) -> tuple[Bin, ...]:
    """The bins of scikit-learn's `calibration_curve(strategy="quantile")`, which tells nothing of their images."""
    count = max(1, min(BINS, len(truth) // BIN_IMAGES))
    edges = np.quantile(probabilities, np.linspace(0, 1, count + 1))
    number = np.searchsorted(edges[1:-1], probabilities)
    return tuple(_bin(probabilities[number == each], truth[number == each]) for each in np.unique(number))


def _bin(probabilities: Floats, truth: Integers) -> Bin:
    images, anomalies = len(truth), int(truth.sum())
    interval = wilson_interval(anomalies, images)
    return Bin(images, anomalies, float(probabilities.mean()), anomalies / images, interval.low, interval.high)
