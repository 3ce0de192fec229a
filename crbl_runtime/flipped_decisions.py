"""Which decisions differ between a model file and its PyTorch model, and which of them count."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.decision import threshold_logit


@dataclass(frozen=True)
class FlippedDecisions:
    """How many decisions differ.

    Attributes:
        outside_margin: where PyTorch's logit is farther from the threshold than the margin: these count.
        within_margin: where it is nearer, and rounding may decide.
    """

    outside_margin: int
    within_margin: int


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
    return FlippedDecisions(int(np.sum(differs & ~near)), int(np.sum(differs & near)))
