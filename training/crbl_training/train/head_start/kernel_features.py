"""From inner products to as many features as a linear classifier can make use of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.kernel_approximation import Nystroem

# Eigenvalues below this share of the largest are rounding: the Gram matrix is known to some seven digits.
SMALLEST_EIGENVALUE = 1e-7


@dataclass(frozen=True)
class KernelFeatures:
    """Features whose inner products are those of the Gram matrix, or approximate them.

    Attributes:
        rows: float64 [N, r], a row for each image.
        back: float64 [m, r]; a weight vector w on the rows is the sum over the images, or over the landmarks, of
            (back @ w) times the pooled features of each.
    """

    rows: NDArray[np.float64]
    back: NDArray[np.float64]


def exact_features(gram: NDArray[np.float64]) -> KernelFeatures:
    """From the inner products of all images, float64 [N, N] = U S U^T: rows U sqrt(S).

    They are a rotation of the pooled features, and L2-regularised regression is the same in any rotated basis. So a
    regression on some of the rows, as in cross-validation, knows nothing of the others.
    """
    eigenvalues, vectors = np.linalg.eigh(gram)
    kept = eigenvalues > SMALLEST_EIGENVALUE * eigenvalues[-1]
    roots, vectors = np.sqrt(eigenvalues[kept]), vectors[:, kept]
    return KernelFeatures(vectors * roots, vectors / roots)


def nystroem_features(columns: NDArray[np.float64], landmarks: NDArray[np.int64]) -> KernelFeatures:
    """From the inner products of all images with m landmarks, float64 [N, m], by scikit-learn's Nystroem.

    Williams, Seeger, "Using the Nyström Method to Speed Up Kernel Machines", 2001.

    Args:
        landmarks: [m], which rows are those of the landmarks.
    """
    among_landmarks = columns[landmarks]
    nystroem = Nystroem(kernel="precomputed", n_components=len(landmarks), random_state=0)
    nystroem.fit((among_landmarks + among_landmarks.T) / 2)
    # It leaves the columns of a precomputed kernel in their order; what it shuffles are the features it makes.
    return KernelFeatures(nystroem.transform(columns), nystroem.normalization_.T)
