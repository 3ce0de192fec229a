"""Calibration: from logits of labelled images to the two numbers that make probabilities of them."""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from torch import Tensor

from crbl_runtime.calibration import Calibration
from crbl_runtime.errors import DataError
from crbl_training.evaluation.bootstrap import Floats, Integers
from crbl_training.evaluation.calibration_images import FOLDS, require_images_to_calibrate
from crbl_training.evaluation.metrics import require_finite_logits

SEED = 0


@dataclass(frozen=True)
class CalibratedImages:
    """Images and their calibrated log odds.

    Attributes:
        log_odds: float64 [N].
        held_out: whether those of each image come from numbers that were fitted to other images than it.
    """

    calibration: Calibration
    log_odds: Floats
    held_out: bool

    @property
    def source(self) -> str:
        """Where the calibrated probabilities come from, as text."""
        fitted = self.calibration
        numbers = (
            f"{fitted.method}, slope {fitted.slope:.4g}, intercept {fitted.intercept:.4g}, fitted to {fitted.images} "
            f"images, {fitted.anomalies} of them anomalous."
        )
        if not self.held_out:
            return numbers
        return f"{numbers} The figures are of {FOLDS} folds, each calibrated by a fit to the others."


def calibrated_images(calibration: Calibration, logits: Tensor) -> CalibratedImages:
    """Images, logits float [N], as a calibration that is there sees them."""
    log_odds: Floats = calibration.slope * logits.double().numpy() + calibration.intercept
    return CalibratedImages(calibration, log_odds, held_out=False)


def fit_calibration(method: str, logits: Tensor, labels: Tensor, data_hash: str) -> CalibratedImages:
    """Fit a calibration to validation images, and calibrate each of them by what the others say.

    The numbers are those of the largest likelihood, with Platt's targets in place of 1 and 0: (n + 1) / (n + 2) for n
    anomalies and 1 / (m + 2) for m normal images. With them classes that do not overlap have finite numbers, too
    (Platt, Advances in Large Margin Classifiers, 1999, 61; Lin, Lin and Weng, Machine Learning 68, 2007, 267).

    Args:
        method: "platt", or "temperature" for a slope alone (Guo et al., ICML 2017).
        logits, labels: float [N] each. data_hash: of the images, stored with the numbers.

    Returns:
        the calibration of all images, and their log odds by calibrations that were fitted in five stratified folds.
        The same images give the same numbers, in whatever order they come.

    Raises:
        DataError: see `require_images_to_calibrate`; or the slope is not positive. NotFiniteError: a logit is not.
    """
    require_finite_logits(logits)
    truth = labels.numpy().astype(np.int64)
    require_images_to_calibrate(truth.tolist(), method)
    scores: Floats = logits.double().numpy()
    order = np.lexsort((scores, truth))
    slope, intercept = _fit(method, scores[order], truth[order])
    if not slope > 0:
        raise DataError(_why_no_slope(method, scores, truth))
    calibration = Calibration(method, slope, intercept, len(truth), int(truth.sum()), data_hash)
    log_odds = np.empty_like(scores)
    log_odds[order] = _held_out(method, scores[order], truth[order])
    return CalibratedImages(calibration, log_odds, held_out=True)


def _held_out(method: str, scores: Floats, truth: Integers) -> Floats:
    log_odds = np.empty_like(scores)
    for others, fold in StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(scores, truth):
        slope, intercept = _fit(method, scores[others], truth[others])
        log_odds[fold] = slope * scores[fold] + intercept
    return log_odds


def _fit(method: str, scores: Floats, truth: Integers) -> tuple[float, float]:
    """Slope, of any sign, and intercept."""
    targets = _smoothed_targets(truth)
    shifts = method == "platt"
    # The solver's tolerance is meant for features of unit size, and logits are of any.
    centre = float(scores.mean()) if shifts else 0.0
    size = float(np.sqrt(np.mean((scores - centre) ** 2)))
    if size == 0:
        return 0.0, float(np.log(targets.mean() / (1 - targets.mean()))) if shifts else 0.0
    features = ((scores - centre) / size)[:, np.newaxis]
    # An image with the target t is an anomaly of weight t and a normal image of weight 1 - t.
    regression = LogisticRegression(
        C=np.inf, fit_intercept=shifts, solver="newton-cholesky", tol=1e-10, max_iter=1000
    ).fit(np.concatenate([features, features]), np.repeat([1, 0], len(truth)), np.concatenate([targets, 1 - targets]))
    slope = float(regression.coef_[0, 0]) / size
    return slope, (float(regression.intercept_[0]) - slope * centre if shifts else 0.0)


def _smoothed_targets(truth: Integers) -> Floats:
    anomalies = int(truth.sum())
    normal = len(truth) - anomalies
    return np.where(truth == 1, (anomalies + 1) / (anomalies + 2), 1 / (normal + 2))


def _why_no_slope(method: str, scores: Floats, truth: Integers) -> str:
    anomalous, normal = float(scores[truth == 1].mean()), float(scores[truth == 0].mean())
    if anomalous > normal and method == "temperature":
        return (
            f"No temperature fits the {len(truth)} validation images: it leaves a logit of 0 where it is, and too many "
            "of them lie on the wrong side of that. Use --calibrate platt, which shifts as well."
        )
    return (
        f"The model is no better than chance on the {len(truth)} validation images: the mean logit of the anomalous "
        f"ones is {anomalous:.4g}, of the normal ones {normal:.4g}. A calibration would turn its ranking around. Look "
        "at the labels, or train further, and leave out --calibrate until then."
    )
