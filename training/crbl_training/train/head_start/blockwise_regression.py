"""Logistic regression on more rows than memory has room for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from crbl_runtime.errors import WrongResultsError
from crbl_training.train.head_start.landmark_features import Features, in_blocks
from crbl_training.train.head_start.logistic_regression import LinearClassifier
from crbl_training.train.head_start.sample_weights import sample_weights

# Of the objective's gradient, whose length at the start is near 1.
TOLERANCE = 1e-8


def fit_in_blocks(
    features: Features, labels: NDArray[np.int64], class_weights: tuple[float, float], c: float
) -> LinearClassifier:
    """The classifier of `logistic_regression.fit`, by SciPy's trust-region Newton method on sums over blocks of rows.

    Args:
        features: float64 [N, r]. labels: [N], 0 or 1, both present. class_weights: see `sample_weights`.

    Raises:
        WrongResultsError: no minimum was found.
    """
    objective = _Objective(features, labels, sample_weights(labels, class_weights), c)
    start = np.zeros(features.shape[1])
    # Logits are of the order of 10 and features of 1, so the first step may be as long as weights of 10.
    options = {"gtol": TOLERANCE, "initial_trust_radius": 10.0, "max_trust_radius": 1e6}
    found = minimize(objective, start, method="trust-exact", jac=True, hess=objective.hessian, options=options)
    if not found.success:
        raise WrongResultsError(
            f"The regression on {len(features)} images did not converge ({found.message}). Train with --head-start "
            "random, and report this with the sentence above."
        )
    return LinearClassifier(found.x)


@dataclass(frozen=True)
class _Objective:
    """The mean weighted loss, and half the squared coefficients divided by c and the number of rows."""

    features: Features
    labels: NDArray[np.int64]
    weights: NDArray[np.float64]
    c: float

    def __call__(self, coefficients: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The value and its gradient, float64 [r]."""
        value, gradient = self._strength * coefficients @ coefficients / 2, self._strength * coefficients
        for part, rows in in_blocks(self.features):
            logits, labels, weights = rows @ coefficients, self.labels[part], self.weights[part] / len(self.features)
            value += weights @ (np.logaddexp(0, logits) - labels * logits)
            gradient += (weights * (expit(logits) - labels)) @ rows
        return float(value), gradient

    def hessian(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64 [r, r]."""
        total = np.diag(np.full(len(coefficients), self._strength))
        for part, rows in in_blocks(self.features):
            probabilities = expit(rows @ coefficients)
            curvature = self.weights[part] / len(self.features) * probabilities * (1 - probabilities)
            scaled = rows * np.sqrt(curvature)[:, None]
            total += scaled.T @ scaled
        return total

    @property
    def _strength(self) -> float:
        return 1 / (self.c * len(self.features))
