"""Logistic regression whose strength of regularisation is chosen by cross-validation."""

from dataclasses import dataclass
from statistics import mean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from crbl_training.train.head_start.sample_weights import sample_weights

# Inverse strengths of regularisation, ascending; scikit-learn's C with weights whose mean is near 1.
GRID = tuple(float(10**exponent) for exponent in np.arange(-2, 4.5, 0.5))
# Without anything to choose it by: scikit-learn's own default.
DEFAULT_C = 1.0
FOLDS = 5


@dataclass(frozen=True)
class CrossValidation:
    """What each strength of regularisation was worth.

    Attributes:
        folds: how many; 0 where a class had one image, and nothing could be held out.
        aurocs: of each fold, for each C of the grid. chosen: the C of the best mean; of several the smallest.
    """

    folds: int
    aurocs: dict[float, tuple[float, ...]]
    chosen: float


@dataclass(frozen=True)
class LinearClassifier:
    """The logit of a row is row @ coefficients + intercept; coefficients float64 [r]."""

    coefficients: NDArray[np.float64]
    intercept: float

    def logits(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64 [N, r] -> float64 [N]."""
        return np.asarray(rows @ self.coefficients + self.intercept)


def cross_validate(
    rows: NDArray[np.float64], labels: NDArray[np.int64], class_weights: tuple[float, float], seed: int
) -> CrossValidation:
    """Choose C by the mean AUROC of five stratified folds, or as many as the smaller class has images.

    Args:
        rows: float64 [N, r]. labels: [N], 0 or 1, both present. class_weights: see `sample_weights`.
    """
    folds = min(FOLDS, int(np.bincount(labels, minlength=2).min()))
    if folds < 2:
        return CrossValidation(0, {}, DEFAULT_C)
    splits = StratifiedKFold(folds, shuffle=True, random_state=seed % 2**32).split(labels, labels)
    of_folds = [_aurocs(rows, labels, class_weights, learnt, held_out) for learnt, held_out in splits]
    aurocs = dict(zip(GRID, zip(*of_folds, strict=True), strict=True))
    # max gives the first of several, and the grid ascends.
    return CrossValidation(folds, aurocs, max(aurocs, key=lambda c: mean(aurocs[c])))


def fit(
    rows: NDArray[np.float64], labels: NDArray[np.int64], class_weights: tuple[float, float], c: float
) -> LinearClassifier:
    """The classifier that minimises c times the sum of the weighted losses plus half the squared coefficients."""
    regression = LogisticRegression(C=c, solver="newton-cholesky", tol=1e-8, max_iter=1000)
    regression.fit(rows, labels, sample_weights(labels, class_weights))
    return _classifier(regression)


def _aurocs(
    rows: NDArray[np.float64],
    labels: NDArray[np.int64],
    class_weights: tuple[float, float],
    learnt: NDArray[np.int64],
    held_out: NDArray[np.int64],
) -> list[float]:
    """AUROC on the rows that are held out, for each C of the grid."""
    # Each C starts from the solution of the one before.
    regression = LogisticRegression(solver="lbfgs", tol=1e-5, max_iter=10_000, warm_start=True)
    weights, aurocs = sample_weights(labels[learnt], class_weights), []
    for c in GRID:
        regression.set_params(C=c).fit(rows[learnt], labels[learnt], weights)
        aurocs.append(float(roc_auc_score(labels[held_out], _classifier(regression).logits(rows[held_out]))))
    return aurocs


def _classifier(regression: Any) -> LinearClassifier:
    return LinearClassifier(regression.coef_[0], float(regression.intercept_[0]))
