"""Which decisions differ between a model file and its PyTorch model, and which of them count."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.compared_by_value import ComparedByValue
from crbl_runtime.decision import threshold_logit


@dataclass(frozen=True, eq=False)
class FlippedDecisions(ComparedByValue):
    """Which of N decisions differ.

    Attributes:
        outside_margin: bool [N]; those where PyTorch's logit is farther from the threshold than the margin count.
        within_margin: bool [N]; those where it is nearer, and rounding may decide.
        distances: of PyTorch's logits from the threshold's, float64 [N].
    """

    outside_margin: NDArray[np.bool_]
    within_margin: NDArray[np.bool_]
    distances: NDArray[np.float64]


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
    distances = np.abs(logits - boundary)
    near = distances <= margin
    return FlippedDecisions(differs & ~near, differs & near, distances)
