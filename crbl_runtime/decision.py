"""From probabilities to decisions."""

import math


def is_anomaly(probability: float, threshold: float) -> bool:
    """A picture is anomalous when its probability is greater than the threshold.

    A probability that is not a number is no decision: the network failed.

    Raises:
        ValueError: the probability is NaN.
    """
    if math.isnan(probability):
        raise ValueError("The probability is NaN.")
    return probability > threshold


def combined_is_anomaly(crop_is_anomaly: bool, full_is_anomaly: bool) -> bool:
    """Both models together: anomalous when either says so."""
    return crop_is_anomaly or full_is_anomaly


def threshold_logit(threshold: float) -> float:
    """The logit whose sigmoid is the threshold, a probability between 0 and 1 (exclusive)."""
    return math.log(threshold) - math.log1p(-threshold)
