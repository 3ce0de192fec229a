"""How much each image counts, so that solving the head minimises the loss that training minimises."""

import numpy as np
import torch
from numpy.typing import NDArray

from crbl_training.model.loss import binary_cross_entropy


def sample_weights(labels: NDArray[np.int64], class_weights: tuple[float, float]) -> NDArray[np.float64]:
    """The weights under which the mean loss is the expectation of the training loop's.

    The loop draws half of each batch from either class, and weights the losses by class. So an image of class k, one
    of n_k among N, has the weight N / (2 n_k) times that of its class.

    Args:
        labels: [N], 0 or 1, both present. class_weights: of the loss, (normal, anomaly).
    """
    counts = np.bincount(labels, minlength=2)
    of_class = np.array(class_weights) * len(labels) / (2 * counts)
    return np.asarray(of_class[labels], dtype=np.float64)


def weighted_loss(logits: NDArray[np.float64], labels: NDArray[np.int64], class_weights: tuple[float, float]) -> float:
    """The mean cross-entropy of logits [N], weighted as `sample_weights` says."""
    losses = binary_cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels).double()).numpy()
    return float(np.mean(losses * sample_weights(labels, class_weights)))
