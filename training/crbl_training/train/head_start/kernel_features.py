"""From inner products to as many features as a linear classifier can make use of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

# Of the pooled features, which have length 1: below it images differ by rounding.
SMALLEST_DEVIATION = 1e-6


@dataclass(frozen=True)
class KernelFeatures:
    """Features whose inner products are those of the Gram matrix; scaled to variance 1.

    So C means the same for any backbones. They are not centred: see `LinearClassifier`.

    Attributes:
        rows: float64 [N, r], a row for each image.
        back: float64 [N, r]. With weights w on the rows, the head's weights are the sum over the images of (back @ w)
            times the pooled features of each.
    """

    rows: NDArray[np.float64]
    back: NDArray[np.float64]


def exact_features(gram: NDArray[np.float64]) -> KernelFeatures:
    """From the inner products of all images, float64 [N, N] = U S U^T: rows U sqrt(S).

    They are a rotation of the pooled features, and L2-regularised regression is the same in any rotated basis. So a
    regression on some of the rows, as in cross-validation, learns nothing from the others.

    Its `back` turns the inner products of any images with these, [n, N], into features of those images, too: what
    Nyström's method approximates a larger Gram matrix by (Williams, Seeger, "Using the Nyström Method to Speed Up
    Kernel Machines", 2001).

    Args:
        gram: symmetric; overwritten, since it is as large as all else that is in memory here.
    """
    # This driver needs the matrix and its vectors; NumPy's three times as much, scikit-learn's Nystroem five times.
    eigenvalues, vectors = eigh(gram.T, overwrite_a=True, check_finite=False, driver="evr")
    # Below it, an eigenvalue is rounding: as in numpy.linalg.matrix_rank.
    kept = slice(np.searchsorted(eigenvalues, eigenvalues[-1] * len(gram) * np.finfo(np.float64).eps), None)
    roots, vectors = np.sqrt(eigenvalues[kept]), vectors[:, kept]
    rows = np.multiply(vectors, roots, order="C")  # As scikit-learn reads them without a copy.
    mean = rows.mean(axis=0)
    deviation = np.sqrt(max(np.sum(eigenvalues) / len(gram) - mean @ mean, 0))
    # Where all images are alike, there is nothing to scale.
    scale = 1 / deviation if deviation > SMALLEST_DEVIATION else 1.0
    rows *= scale
    vectors *= scale / roots
    return KernelFeatures(rows, vectors)
