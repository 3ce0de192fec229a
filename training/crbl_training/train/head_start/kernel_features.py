"""From inner products to as many features as a linear classifier can make use of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.kernel_approximation import Nystroem

# Of the pooled features, which have length 1: below it images differ by rounding.
SMALLEST_DEVIATION = 1e-6


@dataclass(frozen=True)
class KernelFeatures:
    """Features whose inner products are those of the Gram matrix, or approximate them; scaled to variance 1.

    So C means the same for any backbones. They are not centred: see `LinearClassifier`.

    Attributes:
        rows: float64 [N, r], a row for each image.
        back: float64 [m, r]. With weights w on the rows, the head's weights are the sum over the images, or over the
            landmarks, of (back @ w) times the pooled features of each.
    """

    rows: NDArray[np.float64]
    back: NDArray[np.float64]


def exact_features(gram: NDArray[np.float64]) -> KernelFeatures:
    """From the inner products of all images, float64 [N, N] = U S U^T: rows U sqrt(S).

    They are a rotation of the pooled features, and L2-regularised regression is the same in any rotated basis. So a
    regression on some of the rows, as in cross-validation, learns nothing from the others.
    """
    eigenvalues, vectors = np.linalg.eigh(gram)
    # Below it, an eigenvalue is rounding: as in numpy.linalg.matrix_rank.
    kept = eigenvalues > eigenvalues[-1] * len(gram) * np.finfo(np.float64).eps
    roots, vectors = np.sqrt(eigenvalues[kept]), vectors[:, kept]
    return _scaled(vectors * roots, vectors / roots)


def nystroem_map(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """What turns inner products with m landmarks into features, by scikit-learn's Nystroem: `back` of KernelFeatures.

    Args:
        gram: of the landmarks among themselves, float64 [m, m]. The features of these have variance 1.

    Returns:
        float64 [m, m]. The features of any images are the inner products of each with the landmarks, [n, m], times it.
    """
    nystroem = Nystroem(kernel="precomputed", n_components=len(gram), random_state=0).fit(gram)
    # It leaves the columns of a precomputed kernel in their order; what it shuffles are the features it makes.
    back = nystroem.normalization_.T
    return _scaled(gram @ back, back).back


def _scaled(rows: NDArray[np.float64], back: NDArray[np.float64]) -> KernelFeatures:
    deviation = np.sqrt(np.sum(rows.var(axis=0)))
    # Where all images are alike, there is nothing to scale.
    scale = 1 / deviation if deviation > SMALLEST_DEVIATION else 1.0
    return KernelFeatures(rows * scale, back * scale)
