"""Numbers that make probabilities of logits, and measures that tell whether they are any."""

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV, calibration_curve

from crbl_runtime.errors import DataError, NotFiniteError
from crbl_training.evaluation.calibration import CalibratedImages, calibrated_images, fit_calibration
from crbl_training.evaluation.calibration_images import few_images_note, require_images_to_calibrate
from crbl_training.evaluation.reliability import reliability

RANDOM = np.random.RandomState(3)
LABELS = (RANDOM.uniform(size=400) < 0.3).astype(np.int64)
# Their log odds are 2 x + ln(0.3 / 0.7) - 2, so these numbers are what a fit must find.
TRUE_LOGITS = RANDOM.normal(size=400) + 2 * LABELS
SLOPE, INTERCEPT = 2.0, np.log(0.3 / 0.7) - 2.0
# The solver warns where the size of the logits keeps it from the end.
pytestmark = pytest.mark.filterwarnings("error")


def fit(method: str, logits: object, labels: object = LABELS) -> CalibratedImages:
    return fit_calibration(method, torch.as_tensor(logits), torch.as_tensor(labels).float(), "0123")


class Scores(ClassifierMixin, BaseEstimator):
    """A classifier whose decision function is its input."""

    classes_ = np.array([0, 1])

    def fit(self, _images: object, _labels: object) -> "Scores":
        return self

    def decision_function(self, images: np.ndarray) -> np.ndarray:
        return images[:, 0]

    def predict(self, images: np.ndarray) -> np.ndarray:
        return (images[:, 0] > 0).astype(int)

    def __sklearn_is_fitted__(self) -> bool:
        return True


def test_platt_finds_the_numbers_that_the_images_were_drawn_with() -> None:
    found = fit("platt", TRUE_LOGITS)
    assert found.calibration.slope == pytest.approx(SLOPE, abs=0.5)
    assert found.calibration.intercept == pytest.approx(INTERCEPT, abs=0.5)
    assert (found.calibration.images, found.calibration.anomalies) == (400, LABELS.sum())
    assert (found.calibration.data_hash, found.held_out) == ("0123", True)


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1e-4, 3.0), (300.0, -500.0)])
def test_platt_gives_the_probabilities_of_scikit_learn_whatever_the_size_of_the_logits(
    scale: float, shift: float
) -> None:
    frozen = pytest.importorskip("sklearn.frozen")
    logits = scale * TRUE_LOGITS + shift
    theirs = CalibratedClassifierCV(frozen.FrozenEstimator(Scores()), method="sigmoid")
    theirs.fit(logits[:, None], LABELS)
    calibration = fit("platt", logits).calibration
    ours = [calibration.probability(logit) for logit in logits]
    assert ours == pytest.approx(theirs.predict_proba(logits[:, None])[:, 1], abs=1e-6)


def test_a_temperature_undoes_overconfidence_and_nothing_else() -> None:
    honest = SLOPE * TRUE_LOGITS + INTERCEPT
    found = fit("temperature", 5 * honest).calibration
    assert found.slope == pytest.approx(1 / 5, rel=0.2)
    assert found.intercept == 0
    assert found.probability(0.0) == 0.5


@pytest.mark.parametrize("method", ["platt", "temperature"])
def test_the_order_of_the_images_does_not_matter(method: str) -> None:
    logits, labels = TRUE_LOGITS - 1, LABELS
    one, other = fit(method, logits), fit(method, logits[::-1].copy(), labels[::-1].copy())
    assert one.calibration == other.calibration
    assert one.log_odds.tolist() == other.log_odds[::-1].tolist()


def test_each_image_is_calibrated_by_what_others_say() -> None:
    labels = LABELS.copy()
    before = fit("platt", TRUE_LOGITS, labels)
    in_sample = before.calibration.slope * TRUE_LOGITS + before.calibration.intercept
    assert not np.allclose(before.log_odds, in_sample, atol=1e-4)
    held_out = reliability(before.log_odds, LABELS)
    raw = reliability(TRUE_LOGITS, LABELS)
    assert held_out.log_loss > reliability(in_sample, LABELS).log_loss
    for name, value in held_out.measures().items():
        assert value < raw.measures()[name], name


@pytest.mark.parametrize("method", ["platt", "temperature"])
@pytest.mark.parametrize("size", [1e-3, 1.0, 900.0])
def test_classes_that_do_not_overlap_get_finite_numbers_and_no_certainty(method: str, size: float) -> None:
    labels = np.repeat([0, 1], 8)
    calibration = fit(method, np.where(labels == 1, size, -size), labels).calibration
    # Platt's targets for eight images are 0.9 and 0.1.
    assert calibration.probability(size) == pytest.approx(0.9, abs=1e-6)
    assert calibration.probability(-size) == pytest.approx(0.1, abs=1e-6)
    spread = size * (np.where(labels == 1, 1.0, -1.0) + np.linspace(-0.1, 0.1, 16))
    assert 0.8 < fit(method, spread, labels).calibration.probability(size) < 0.95


@pytest.mark.parametrize("method", ["platt", "temperature"])
@pytest.mark.parametrize("logits", [-TRUE_LOGITS, np.zeros(400), np.full(400, 0.25)])
def test_a_model_that_is_no_better_than_chance_is_not_turned_around(method: str, logits: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"no better than chance on the 400 validation images.*Look at the labels"):
        fit(method, logits)


def test_logits_on_the_wrong_side_of_zero_have_no_temperature_but_platt() -> None:
    with pytest.raises(DataError, match=r"No temperature fits the 400 validation images.*--calibrate platt"):
        fit("temperature", TRUE_LOGITS + 5)
    assert fit("platt", TRUE_LOGITS + 5).calibration.slope == pytest.approx(SLOPE, abs=0.5)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0] * 30, "of 30 validation images 0 are anomalous"),
        ([1] * 30, "of 30 validation images 0 are normal"),
        ([0] * 30 + [1] * 4, "of 34 validation images 4 are anomalous"),
        ([1], "of 1 validation image 0 are normal"),
        ([0, 1, 1, 1, 1, 1], "of 6 validation images 1 is normal"),
    ],
)
def test_too_few_images_of_a_class_are_refused(labels: list[int], message: str) -> None:
    with pytest.raises(DataError, match=f"--calibrate platt needs at least 5 images of each class, and {message}"):
        require_images_to_calibrate(labels, "platt")
    with pytest.raises(DataError, match=message):
        fit("platt", np.arange(len(labels)), np.array(labels))


def test_few_images_are_said_to_be_few() -> None:
    assert few_images_note(fit("platt", TRUE_LOGITS).calibration) is None
    few = np.repeat([0, 1], [200, 19])
    note = few_images_note(fit("platt", few + np.linspace(0, 0.5, 219), few).calibration)
    assert note is not None
    assert "19 of the rarer class, 20 are wanted" in note


def test_logits_that_are_not_finite_have_no_calibration() -> None:
    logits = TRUE_LOGITS.copy()
    logits[7] = np.inf
    with pytest.raises(NotFiniteError):
        fit("platt", logits)


def test_a_calibration_that_is_there_is_used_as_it_is() -> None:
    calibration = fit("platt", TRUE_LOGITS).calibration
    seen = calibrated_images(calibration, torch.tensor([-3.0, 0.5]))
    assert not seen.held_out
    assert torch.from_numpy(seen.log_odds).sigmoid().tolist() == pytest.approx(
        [calibration.probability(-3.0), calibration.probability(0.5)]
    )
    assert "fitted to 400 images" in seen.source
    assert "folds" not in seen.source


# What probabilities are worth


def test_bins_are_those_of_scikit_learn_with_their_images() -> None:
    log_odds = SLOPE * TRUE_LOGITS + INTERCEPT
    probabilities = 1 / (1 + np.exp(-log_odds))
    bins = reliability(log_odds, LABELS).bins
    shares, means = calibration_curve(LABELS, probabilities, n_bins=10, strategy="quantile")
    assert [each.share for each in bins] == pytest.approx(shares)
    assert [each.probability for each in bins] == pytest.approx(means)
    assert [each.images for each in bins] == [40] * 10
    assert sum(each.anomalies for each in bins) == LABELS.sum()


def test_measures_of_a_few_images_are_what_one_computes_by_hand() -> None:
    labels = np.array([0, 0, 0, 1, 0, 1, 1, 1, 1, 0])
    log_odds = np.log(np.repeat([0.2, 0.6], 5) / np.repeat([0.8, 0.4], 5))
    measured = reliability(log_odds, labels)
    assert [(each.images, each.anomalies) for each in measured.bins] == [(5, 1), (5, 4)]
    assert measured.calibration_error == pytest.approx((5 * 0.0 + 5 * 0.2) / 10)
    assert measured.brier == pytest.approx((4 * 0.2**2 + 0.8**2 + 4 * 0.4**2 + 0.6**2) / 10)
    assert measured.log_loss == pytest.approx(-(4 * np.log(0.8) + np.log(0.2) + 4 * np.log(0.6) + np.log(0.4)) / 10)


@pytest.mark.parametrize("count", [2, 9, 10, 49, 1000])
def test_every_image_is_in_one_bin_of_at_least_a_few(count: int) -> None:
    labels = np.arange(count) % 2
    for log_odds in (np.linspace(-5, 5, count), np.zeros(count), np.where(labels == 1, 900.0, -900.0)):
        measured = reliability(log_odds, labels)
        assert sum(each.images for each in measured.bins) == count
        assert 1 <= len(measured.bins) <= max(1, min(10, count // 5))
        assert np.isfinite(list(measured.measures().values())).all()
