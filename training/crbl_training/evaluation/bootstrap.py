"""How much the metrics of a set of images depend on which images were drawn: bootstrap intervals.

Resamples are stratified: each holds as many normal and as many anomalous images as the set. Whoever put the set
together decided those numbers, chance did not, and a resample without one of the classes would have no AUROC. So the
intervals of accuracy, precision, F1 and average precision are for images with this share of anomalies.

A metric without a single mistake gets an interval without width: no resample holds a mistake that the images do not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

RESAMPLES = 1000
LEVEL = 0.95
SEED = 0
# scikit-learn takes many resamples as the columns of one table, which is several times quicker than as many calls.
COLUMNS = 100

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """Where a metric lies in 95 % of the resamples: the percentiles 2.5 and 97.5."""

    low: float
    high: float


def metric_intervals(truth: Integers, scores: Floats, decisions: Integers) -> dict[str, Interval]:
    """Intervals of those `Metrics` that have a meaning for other images; scikit-learn computes them.

    The same images give the same intervals, in whatever order they come.

    Args:
        truth, decisions: [N], 0 normal, 1 anomaly, both in `truth`. scores: [N], finite.
    """
    order = np.lexsort((decisions, scores, truth))
    truth, scores, decisions = truth[order], scores[order], decisions[order]
    tables = [_metrics(truth[rows], scores[rows], decisions[rows]) for rows in resamples(truth)]
    return {name: interval(np.concatenate([table[name] for table in tables])) for name in tables[0]}


def resamples(truth: Integers) -> Iterator[Integers]:
    """1000 draws with replacement from the normal images, and as many each from the anomalous ones.

    Args:
        truth: [N], the zeros before the ones.

    Yields:
        ten times [N, 100]: each column has the indices of one resample.
    """
    # RandomState and not a Generator: NumPy promises that its numbers never change (NEP 19).
    random = np.random.RandomState(SEED)
    anomalous = int(truth.sum())
    normal = len(truth) - anomalous
    for _ in range(RESAMPLES // COLUMNS):
        from_normal = random.randint(0, normal, (normal, COLUMNS))
        from_anomalous = normal + random.randint(0, anomalous, (anomalous, COLUMNS))
        yield np.concatenate([from_normal, from_anomalous])


def interval(values: Floats) -> Interval:
    """The interval that holds all but 2.5 % of the resamples' values at either end."""
    low, high = np.percentile(values, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return Interval(float(low), float(high))


def bootstrap_method() -> dict[str, Any]:
    """What a reader of a file with intervals must know of them; JSON types."""
    return {"level": LEVEL, "method": "percentile bootstrap, stratified by class", "resamples": RESAMPLES, "seed": SEED}


def _metrics(truth: Integers, scores: Floats, decisions: Integers) -> dict[str, Floats]:
    """Metrics of each column of [N, columns]."""
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(truth, decisions, average=None, zero_division=0)
    return {
        "auroc": metrics.roc_auc_score(truth, scores, average=None),
        "average_precision": metrics.average_precision_score(truth, scores, average=None),
        "accuracy": np.mean(truth == decisions, axis=0),
        "precision": precision,
        "recall": recall,
        "f1": f1,
    }
