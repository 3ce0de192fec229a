"""How good the decisions of the demo's models are on held-out images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sklearn.metrics import accuracy_score, roc_auc_score

from crbl_runtime.decision import threshold_logit


@dataclass(frozen=True)
class HeldOutMetrics:
    """Accuracy of the decisions and AUROC of the scores on held-out images."""

    accuracy: float
    auroc: float


def held_out_metrics(results: Sequence[dict[str, Any]], labels: Sequence[int]) -> dict[str, HeldOutMetrics]:
    """The metrics of crop, of full and of both together, under "crop", "full" and "combined".

    The combined score is the larger of the two distances of a logit to its threshold: it is positive exactly where
    the combined decision is anomaly.

    Args:
        results: what `crbl-predict --json` prints for two models. labels: 0 or 1 for each.
    """
    metrics = {}
    distances = []
    for variant in ("crop", "full"):
        of_variant = [_of_variant(result, variant) for result in results]
        scores = [model["logit"] - threshold_logit(model["threshold"]) for model in of_variant]
        distances.append(scores)
        metrics[variant] = _metrics(labels, [model["is_anomaly"] for model in of_variant], scores)
    combined = [max(pair) for pair in zip(*distances, strict=True)]
    metrics["combined"] = _metrics(labels, [result["is_anomaly"] for result in results], combined)
    return metrics


def _of_variant(result: dict[str, Any], variant: str) -> dict[str, Any]:
    found: dict[str, Any] = next(model for model in result["models"] if model["variant"] == variant)
    return found


def _metrics(labels: Sequence[int], decisions: Sequence[bool], scores: Sequence[float]) -> HeldOutMetrics:
    return HeldOutMetrics(
        accuracy=float(accuracy_score(labels, [int(decision) for decision in decisions])),
        auroc=float(roc_auc_score(labels, scores)),
    )
