"""bootstrap.py: intervals that agree with what is known of the binomial, and come out the same again."""

import numpy as np
import pytest
from scipy.stats import binom

from crbl_training.evaluation.bootstrap import RESAMPLES, Interval, metric_intervals, resamples

METRICS = {"auroc", "average_precision", "accuracy", "precision", "recall", "f1"}


def drawn(normal: int, anomalous: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, scores that see something, and decisions."""
    truth = np.repeat([0, 1], [normal, anomalous])
    scores = np.random.RandomState(seed).normal(truth * 1.5, 1)
    return truth, scores, (scores > 0.7).astype(int)


def test_every_resample_has_the_classes_of_the_set():
    truth = np.repeat([0, 1], [13, 4])
    tables = [truth[rows] for rows in resamples(truth)]
    assert sum(table.shape[1] for table in tables) == RESAMPLES
    assert all((table.sum(axis=0) == 4).all() and len(table) == 17 for table in tables)


def test_resamples_differ_and_repeat_images():
    columns = np.concatenate([rows.T for rows in resamples(np.repeat([0, 1], [30, 10]))])
    assert len(np.unique(columns, axis=0)) == RESAMPLES
    assert set(np.unique(columns)) == set(range(40))
    assert np.mean([len(set(column)) for column in columns]) == pytest.approx(40 * (1 - np.exp(-1)), rel=0.05)


def test_recall_has_the_interval_of_the_binomial():
    # Of 500 anomalies 400 are found: a stratified resample finds a binomial number of them.
    truth = np.repeat([0, 1], [100, 500])
    decisions = np.where(truth == 1, np.arange(600) % 5 > 0, np.arange(600) % 4 == 0).astype(int)
    recall = metric_intervals(truth, decisions + np.linspace(0, 0.1, 600), decisions)["recall"]
    low, high = binom.ppf([0.025, 0.975], 500, 0.8) / 500
    # Between the percentiles 2.5 and 5 lie 0.0055.
    assert recall.low == pytest.approx(low, abs=0.004)
    assert recall.high == pytest.approx(high, abs=0.004)


@pytest.fixture(scope="module")
def of_hundred() -> dict[str, Interval]:
    return metric_intervals(*drawn(80, 20))


def test_25_times_the_images_narrow_every_interval_to_a_fifth(of_hundred):
    few, many = of_hundred, metric_intervals(*drawn(2000, 500))
    assert few.keys() == many.keys() == METRICS
    for name in METRICS:
        widths = few[name].high - few[name].low, many[name].high - many[name].low
        assert widths[0] / widths[1] == pytest.approx(5, rel=0.35), name


def test_the_same_images_give_the_same_intervals_in_any_order(of_hundred):
    order = np.random.RandomState(1).permutation(100)
    assert metric_intervals(*(values[order] for values in drawn(80, 20))) == of_hundred


def test_one_image_of_each_class_is_enough():
    intervals = metric_intervals(np.array([0, 1]), np.array([-1.0, 1.0]), np.array([0, 1]))
    assert all((interval.low, interval.high) == (1.0, 1.0) for interval in intervals.values())


def test_nothing_called_anomalous_is_a_precision_of_nought():
    intervals = metric_intervals(np.array([0, 0, 1, 1]), np.array([0.0, 2, 1, 3]), np.zeros(4, int))
    assert (intervals["precision"].high, intervals["recall"].high, intervals["f1"].high) == (0.0, 0.0, 0.0)
    assert intervals["accuracy"].low == intervals["accuracy"].high == 0.5
