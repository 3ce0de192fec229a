"""What the demo's table says of the held-out images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sklearn import metrics

from crbl_runtime.decision import threshold_logit


@dataclass(frozen=True)
class Figures:
    """Accuracy of the decisions and AUROC of the scores on held-out images."""

    accuracy: float
    auroc: float


def held_out_figures(results: Sequence[dict[str, Any]], labels: Sequence[int]) -> dict[str, Figures]:
    """Figures of crop, full and both together.

    The combined score is the larger of the two distances of a logit to its threshold: it is positive exactly where
    the combined decision is anomaly.

    Args:
        results: what `crbl-predict --json` prints for two models. labels: 0 or 1 for each.
    """
    figures = {}
    distances = []
    for variant in ("crop", "full"):
        of_variant = [_of_variant(result, variant) for result in results]
        scores = [model["logit"] - threshold_logit(model["threshold"]) for model in of_variant]
        distances.append(scores)
        figures[variant] = _figures(labels, [model["is_anomaly"] for model in of_variant], scores)
    combined = [max(pair) for pair in zip(*distances, strict=True)]
    figures["combined"] = _figures(labels, [result["is_anomaly"] for result in results], combined)
    return figures


def _of_variant(result: dict[str, Any], variant: str) -> dict[str, Any]:
    found: dict[str, Any] = next(model for model in result["models"] if model["variant"] == variant)
    return found


def _figures(labels: Sequence[int], decisions: Sequence[bool], scores: Sequence[float]) -> Figures:
    return Figures(
        accuracy=float(metrics.accuracy_score(labels, [int(decision) for decision in decisions])),
        auroc=float(metrics.roc_auc_score(labels, scores)),
    )
