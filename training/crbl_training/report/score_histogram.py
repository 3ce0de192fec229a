"""How the scores of both classes lie."""

from typing import Any

import numpy as np
from torch import Tensor

BINS = 30


def score_histogram(logits: Tensor, labels: Tensor) -> dict[str, Any]:
    """How many images of either class there are in each of 30 bins of the logit, as JSON types.

    Args:
        logits, labels: float [N] each, finite; 1 is an anomaly.
    """
    scores, truth = logits.double().numpy(), labels.numpy()
    edges = np.histogram_bin_edges(scores, BINS)
    return {
        "edges": edges.tolist(),
        "normal": np.histogram(scores[truth == 0], edges)[0].tolist(),
        "anomalous": np.histogram(scores[truth == 1], edges)[0].tolist(),
    }
