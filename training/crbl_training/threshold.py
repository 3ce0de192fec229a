"""Choosing the threshold on validation pictures."""

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics
from torch import Tensor

from crbl_runtime.errors import UsageError


@dataclass(frozen=True)
class ThresholdRule:
    """How a threshold is chosen: "keep" (not at all), "f1" (the best F1), or "recall" (at least `recall`)."""

    kind: str
    recall: float = math.nan


def parse_threshold_rule(text: str) -> ThresholdRule:
    """The rule that "keep", "f1" or "recall=0.99" asks for.

    Raises:
        UsageError: it is none of these, or the recall is not over 0 and at most 1.
    """
    if text in ("keep", "f1"):
        return ThresholdRule(text)
    match = re.fullmatch(r"recall=(\d*\.?\d+)", text)
    if match is None or not 0 < float(match[1]) <= 1:
        raise UsageError(f"The threshold rule is {text!r}, expected keep, f1 or recall=R with R over 0 and at most 1.")
    return ThresholdRule("recall", float(match[1]))


def choose_threshold(rule: ThresholdRule, logits: Tensor, labels: Tensor) -> float:
    """The probability above which a picture is to be called anomalous.

    It lies half-way, in logits, between the lowest score that must be called anomalous and the next lower one: no
    picture sits on the edge of the decision.

    Args:
        rule: "f1" or "recall". logits, labels: float [N] each; both classes present.

    Returns:
        over 0 and under 1.
    """
    scores: NDArray[np.float64] = logits.double().numpy()
    precision, recall, candidates = metrics.precision_recall_curve(labels.numpy(), scores)
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
    return float(np.clip(1 / (1 + math.exp(-boundary)), 1e-6, 1 - 1e-6))
