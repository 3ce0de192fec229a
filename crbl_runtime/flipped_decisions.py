"""Which decisions differ between a model file and its PyTorch model, and which of them count."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.decision import threshold_logit


@dataclass(frozen=True)
class FlippedDecisions:
    """Which of N decisions differ, bool [N] each.

    Attributes:
        outside_margin: where PyTorch's logit is farther from the threshold than the margin: these count.
        within_margin: where it is nearer, and rounding may decide.
    """

    outside_margin: NDArray[np.bool_]
    within_margin: NDArray[np.bool_]


def flipped_decisions(
    is_anomaly: NDArray[np.bool_], logits: NDArray[np.float64], threshold: float, margin: float
) -> FlippedDecisions:
    """Compare N decisions of a file with those that follow from PyTorch's logits.

    Args:
        is_anomaly: the file's decisions, [N]. logits: PyTorch's, float64 [N].
        threshold: a probability, 0 to 1. margin: in logits.
    """
    boundary = threshold_logit(threshold)
    differs = is_anomaly != (logits > boundary)
    near = np.abs(logits - boundary) <= margin
    return FlippedDecisions(differs & ~near, differs & near)
