"""From probabilities to decisions."""

import math

from crbl_runtime.errors import UsageError


def is_anomaly(probability: float, threshold: float) -> bool:
    """An image is anomalous when its probability is greater than the threshold.

    A probability that is not a number is no decision: the network failed.

    Raises:
        ValueError: the probability is NaN.
    """
    if math.isnan(probability):
        raise ValueError("The probability is NaN.")
    return probability > threshold


def require_threshold(threshold: float) -> float:
    """The threshold, which is a number from 0 to 1.

    Raises:
        UsageError: it is not.
    """
    if not 0 <= threshold <= 1:
        raise UsageError(f"The threshold is {threshold!r}, expected a probability from 0 to 1.")
    return threshold


def combined_is_anomaly(crop_is_anomaly: bool, full_is_anomaly: bool) -> bool:
    """The decision of both models together: anomalous when either of them finds an anomaly."""
    return crop_is_anomaly or full_is_anomaly


def threshold_logit(threshold: float) -> float:
    """The logit whose sigmoid is the threshold, 0 to 1; minus infinity for 0 and infinity for 1."""
    if threshold in (0, 1):
        return math.inf if threshold else -math.inf
    return math.log(threshold) - math.log1p(-threshold)
