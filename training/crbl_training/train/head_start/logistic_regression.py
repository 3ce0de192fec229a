"""Logistic regression whose strength of regularisation is chosen by cross-validation."""

from dataclasses import dataclass
from statistics import mean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from crbl_training.train.head_start.sample_weights import sample_weights, weighted_loss

# Inverse strengths of regularisation; scikit-learn's C with weights whose mean is near 1.
GRID = tuple(float(10**exponent) for exponent in np.arange(-2, 3.5, 0.5))
# Without anything to choose it by: scikit-learn's own default.
DEFAULT_C = 1.0
FOLDS = 5


@dataclass(frozen=True)
class Tried:
    """What one strength of regularisation was worth on the images held out, in each fold.

    Attributes:
        losses: the mean weighted loss, see `weighted_loss`.
    """

    c: float
    aurocs: tuple[float, ...]
    losses: tuple[float, ...]

    @property
    def mean_auroc(self) -> float:
        """Over the folds."""
        return mean(self.aurocs)

    @property
    def mean_loss(self) -> float:
        """Over the folds."""
        return mean(self.losses)

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            "C": self.c,
            "mean_auroc": self.mean_auroc,
            "aurocs": list(self.aurocs),
            "mean_loss": self.mean_loss,
        }


@dataclass(frozen=True)
class CrossValidation:
    """What was tried, and the C that was chosen.

    Attributes:
        folds: how many; 0 where a class had one image, and nothing could be held out. tried: for each C of the grid.
        chosen: that of the best mean AUROC. Where several have it, as with few images, that of the smallest loss among
            them: AUROC does not see how sure the logits are, the threshold does.
    """

    folds: int
    tried: tuple[Tried, ...]
    chosen: float


@dataclass(frozen=True)
class LinearClassifier:
    """The logit of a row is row @ coefficients; coefficients float64 [r].

    There is no intercept, which would be a part of the logit that no place in the image accounts for: heatmaps add up
    to the logit less the head's bias. Nothing is lost. Pooled features have length 1 and a mean that is long beside
    their deviation (0.90 and 0.44 on solar cells), so weights along it do what an intercept does at little cost.
    """

    coefficients: NDArray[np.float64]

    def logits(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64 [N, r] -> float64 [N]."""
        return np.asarray(rows @ self.coefficients)


def cross_validate(
    rows: NDArray[np.float64], labels: NDArray[np.int64], class_weights: tuple[float, float], seed: int
) -> CrossValidation:
    """Choose C by the mean AUROC of five stratified folds, or as many as the smaller class has images.

    Args:
        rows: float64 [N, r]. labels: [N], 0 or 1, both present. class_weights: see `sample_weights`.
    """
    folds = min(FOLDS, int(np.bincount(labels, minlength=2).min()))
    if folds < 2:
        return CrossValidation(0, (), DEFAULT_C)
    splits = StratifiedKFold(folds, shuffle=True, random_state=seed % 2**32).split(labels, labels)
    of_folds = [_held_out_scores(rows, labels, class_weights, *split) for split in splits]
    tried = tuple(
        Tried(c, *zip(*scores, strict=True)) for c, scores in zip(GRID, zip(*of_folds, strict=True), strict=True)
    )
    best = min(tried, key=lambda each: (-each.mean_auroc, each.mean_loss))
    return CrossValidation(folds, tried, best.c)


def fit(
    rows: NDArray[np.float64], labels: NDArray[np.int64], class_weights: tuple[float, float], c: float
) -> LinearClassifier:
    """The classifier that minimises c times the sum of the weighted losses plus half the squared coefficients."""
    regression = LogisticRegression(C=c, fit_intercept=False, solver="newton-cholesky", tol=1e-8, max_iter=1000)
    regression.fit(rows, labels, sample_weights(labels, class_weights))
    return LinearClassifier(regression.coef_[0])


def _held_out_scores(
    rows: NDArray[np.float64],
    labels: NDArray[np.int64],
    class_weights: tuple[float, float],
    learnt: NDArray[np.int64],
    held_out: NDArray[np.int64],
) -> list[tuple[float, float]]:
    """AUROC and loss on the rows that are held out, for each C of the grid."""
    # Each C starts from the solution of the one before.
    regression = LogisticRegression(fit_intercept=False, solver="lbfgs", tol=1e-7, max_iter=10_000, warm_start=True)
    weights, truth, scores = sample_weights(labels[learnt], class_weights), labels[held_out], []
    for c in GRID:
        regression.set_params(C=c).fit(rows[learnt], labels[learnt], weights)
        logits = LinearClassifier(regression.coef_[0]).logits(rows[held_out])
        scores.append((float(roc_auc_score(truth, logits)), weighted_loss(logits, truth, class_weights)))
    return scores
