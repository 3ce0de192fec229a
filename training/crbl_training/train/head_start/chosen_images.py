"""Some of the images, of either class, that stand for all where there are too many."""

import numpy as np
from numpy.typing import NDArray


def choose_images(labels: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """`count` images, ascending: half of either class, or all of a class that has fewer and more of the other.

    Args:
        labels: [N], 0 or 1, both present; N at least `count`.
    """
    random = np.random.default_rng(seed)
    normal, anomalous = (random.permutation(np.flatnonzero(labels == label)) for label in (0, 1))
    of_anomalous = min(len(anomalous), max(count // 2, count - len(normal)))
    return np.sort(np.concatenate([normal[: count - of_anomalous], anomalous[:of_anomalous]]))
