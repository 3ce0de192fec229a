"""Choosing the threshold on validation images."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn import metrics
from torch import Tensor

from crbl_runtime.errors import DataError
from crbl_training.data.dataset import missing_class
from crbl_training.evaluation.bootstrap import Floats, Integers, Interval, bootstrap_method, interval, resamples
from crbl_training.evaluation.metrics import require_finite_logits
from crbl_training.evaluation.threshold_rule import ThresholdRule

# A model file's probabilities are float32: finely spaced down to here, and up to 1 less what is worth telling from 1.
FLOAT32_PROBABILITIES = (1e-30, 1 - 1e-6)


@dataclass(frozen=True)
class ChosenThreshold:
    """A threshold with what it was chosen on.

    Attributes:
        interval: where the rule puts the threshold in 95 % of the resamples of the images.
        images: how many there were. data_hash: which, see `dataset.data_hash`.
    """

    rule: ThresholdRule
    value: float
    interval: Interval
    images: int
    data_hash: str

    @property
    def source(self) -> str:
        """How the threshold was chosen, as text."""
        return (
            f"{self.rule} on {self.images} validation images "
            f"(95 % interval {self.interval.low:.4g} to {self.interval.high:.4g})"
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            "rule": str(self.rule),
            "threshold": self.value,
            "interval": [self.interval.low, self.interval.high],
            "interval_method": bootstrap_method(),
            "images": self.images,
            "data_hash": self.data_hash,
        }


def choose_threshold(rule: ThresholdRule, logits: Tensor, labels: Tensor, data_hash: str) -> ChosenThreshold:
    """The `best_threshold` of validation images, with its bootstrap interval; takes seconds.

    Args:
        rule: "f1" or "recall". logits, labels: float [N] each. data_hash: of the images, stored with the choice.

    Raises:
        DataError: the images are all normal or all anomalous. NotFiniteError: a logit is not finite.
    """
    require_finite_logits(logits)
    truth = labels.numpy().astype(np.int64)
    _require_both_classes(truth, rule)
    scores: Floats = logits.double().numpy()
    order = np.lexsort((scores, truth))
    truth, scores = truth[order], scores[order]
    resampled = [best_threshold(rule, scores[column], truth[column]) for rows in resamples(truth) for column in rows.T]
    return ChosenThreshold(
        rule,
        best_threshold(rule, scores, truth),
        interval(np.array(resampled)),
        images=len(truth),
        data_hash=data_hash,
    )


def best_threshold(rule: ThresholdRule, scores: Floats, truth: Integers) -> float:
    """The probability above which an image is to be called anomalous.

    It lies half-way, in logits, between the lowest score that must be called anomalous and the next lower one: no
    image sits on the edge of the decision.

    Args:
        rule: "f1" or "recall". scores: logits [N], finite. truth: 0 or 1 [N], both present.

    Returns:
        over 0 and under 1, and where a model file's float32 probabilities can be told from it.
    """
    precision, recall, candidates = metrics.precision_recall_curve(truth, scores)
    precision, recall = precision[:-1], recall[:-1]
    if rule.kind == "f1":
        with np.errstate(invalid="ignore"):
            best = int(np.nanargmax(2 * precision * recall / (precision + recall)))
    else:
        best = int(np.flatnonzero(recall >= rule.recall)[-1])
    lowest = float(candidates[best])
    below = scores[scores < lowest]
    # Below all scores there is nothing to halve the way to; 1 is half the odds squared, wide of any rounding.
    boundary = (lowest + float(below.max())) / 2 if len(below) else lowest - 1.0
    return float(torch.tensor(boundary, dtype=torch.float64).sigmoid().clamp(*FLOAT32_PROBABILITIES))


def _require_both_classes(truth: Integers, rule: ThresholdRule) -> None:
    missing = missing_class(truth.tolist())
    if missing is not None:
        raise DataError(
            f"--threshold {rule} needs images of both classes, but none of the {len(truth)} validation images is "
            f"{missing}. Add some, or use --threshold keep."
        )
