"""How far a tensor is from its reference, in one number."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def differences(values: NDArray[np.floating[Any]], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """|values - reference|, one by one; infinite where one of the two is finite and the other is not."""
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        difference = np.abs(values.astype(np.float64) - reference)
    if np.isfinite(difference.sum()):
        return difference
    same = np.isnan(values) & np.isnan(reference) | (values == reference)
    return np.where(same, 0.0, np.where(np.isfinite(difference), difference, np.inf))


def largest_value(reference: NDArray[np.float64]) -> float:
    """The largest finite |value|, 0 where none is finite."""
    return float(np.max(np.abs(reference), where=np.isfinite(reference), initial=0.0))


def relative_error(values: NDArray[np.floating[Any]], reference: NDArray[np.float64]) -> float:
    """The largest of the `differences` as a share of the largest finite |reference|.

    A tensor's own rounding is of that size in every element that sums or cancels large ones, so that an element's
    error as a share of itself would tell little.
    """
    return share_of(float(np.max(differences(values, reference))), largest_value(reference))


def share_of(difference: float, largest: float) -> float:
    """The difference as a share of the largest value; as it is where all are 0."""
    return difference / largest if largest and np.isfinite(difference) else difference
