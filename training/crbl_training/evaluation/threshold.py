"""Choosing the threshold on validation images."""

from dataclasses import dataclass, replace
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
# Below or above all scores there is nothing to halve the way to; 1 changes the odds by 2.7, wide of any rounding.
BEYOND_ALL_SCORES = 1.0


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

    def source(self, name: str = "validation") -> str:
        """How the threshold was chosen, as text; `name` says what images they were."""
        rate = f" at a defect rate of {self.rule.defect_rate:.4g}" if self.rule.defect_rate is not None else ""
        return (
            f"{self.rule}{rate} on {self.images} {name} images "
            f"(95 % interval {self.interval.low:.4g} to {self.interval.high:.4g})"
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            "rule": str(self.rule),
            "defect_rate": self.rule.defect_rate,
            "threshold": self.value,
            "interval": [self.interval.low, self.interval.high],
            "interval_method": bootstrap_method(),
            "images": self.images,
            "data_hash": self.data_hash,
        }


def choose_threshold(
    rule: ThresholdRule, logits: Tensor, labels: Tensor, data_hash: str, name: str = "validation"
) -> ChosenThreshold:
    """The `best_threshold` of images, with its bootstrap interval; takes seconds.

    Args:
        rule: any but "keep". logits, labels: float [N] each. data_hash: of the images, stored with the choice.
        name: what images they are, for messages.

    Raises:
        DataError: the images are all normal or all anomalous. NotFiniteError: a logit is not finite.
    """
    require_finite_logits(logits)
    truth = labels.numpy().astype(np.int64)
    _require_both_classes(truth, rule, name)
    scores: Floats = logits.double().numpy()
    order = np.lexsort((scores, truth))
    truth, scores = truth[order], scores[order]
    if rule.kind == "cost" and rule.defect_rate is None:
        rule = replace(rule, defect_rate=float(truth.mean()))
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
        rule: any but "keep". scores: logits [N], finite. truth: 0 or 1 [N], both present.

    Returns:
        over 0 and under 1, and where a model file's float32 probabilities can be told from it.
    """
    lowest = _lowest_of_least_cost(rule, scores, truth) if rule.kind == "cost" else _lowest_anomaly(rule, scores, truth)
    if lowest is None:
        boundary = float(scores.max()) + BEYOND_ALL_SCORES
    else:
        below = scores[scores < lowest]
        boundary = (lowest + float(below.max())) / 2 if len(below) else lowest - BEYOND_ALL_SCORES
    return float(torch.tensor(boundary, dtype=torch.float64).sigmoid().clamp(*FLOAT32_PROBABILITIES))


def _lowest_anomaly(rule: ThresholdRule, scores: Floats, truth: Integers) -> float:
    """The lowest score that must be called anomalous for the best F1 or for the recall."""
    precision, recall, candidates = metrics.precision_recall_curve(truth, scores)
    precision, recall = precision[:-1], recall[:-1]
    if rule.kind == "f1":
        with np.errstate(invalid="ignore"):
            best = int(np.nanargmax(2 * precision * recall / (precision + recall)))
    else:
        best = int(np.flatnonzero(recall >= rule.recall)[-1])
    return float(candidates[best])


def _lowest_of_least_cost(rule: ThresholdRule, scores: Floats, truth: Integers) -> float | None:
    """The lowest score that must be called anomalous for the lowest expected cost; None where none must be.

    The expected cost of an image is defect rate · miss rate · cost of a miss + (1 - defect rate) · false alarm rate ·
    cost of a false alarm (Provost, Fawcett, "Robust Classification for Imprecise Environments", Machine Learning 42,
    2001). Where several thresholds cost the same, the lowest is taken, which misses the fewest anomalies.
    """
    assert rule.costs is not None
    rate = rule.defect_rate if rule.defect_rate is not None else float(truth.mean())
    candidates = np.unique(scores)
    anomalous, normal = np.sort(scores[truth == 1]), np.sort(scores[truth == 0])
    # Of the classes, what lies below each candidate, and after the last one all of them.
    missed = np.append(np.searchsorted(anomalous, candidates), len(anomalous)) / len(anomalous)
    passed = np.append(np.searchsorted(normal, candidates), len(normal)) / len(normal)
    cost = rate * missed * rule.costs.missed_anomaly + (1 - rate) * (1 - passed) * rule.costs.false_alarm
    # Equal counts must not differ by their rounding.
    cheapest = int(np.flatnonzero(cost <= cost.min() + 1e-12 * cost.max())[0])
    return float(candidates[cheapest]) if cheapest < len(candidates) else None


def _require_both_classes(truth: Integers, rule: ThresholdRule, name: str) -> None:
    missing = missing_class(truth.tolist())
    if missing is not None:
        raise DataError(
            f"--threshold {rule} needs images of both classes, but none of the {len(truth)} {name} images is "
            f"{missing}. Add some, or use --threshold keep."
        )
