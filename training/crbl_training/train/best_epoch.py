"""Which epoch is the best: what its weights are kept for, training stops early by, and the plateau is found by."""

from crbl_training.evaluation.metrics import Metrics

BEST_BY_LABELS = {"loss": "loss", "auroc": "AUROC", "average-precision": "average precision"}


def is_better(metrics: Metrics, best: Metrics | None, best_by: str) -> bool:
    """Whether an epoch's validation metrics are better than the best so far; of equal ones, the lower loss is better.

    Args:
        best: None before there is one. best_by: one of `BEST_BY`.
    """
    return best is None or (badness(metrics, best_by), metrics.loss) < (badness(best, best_by), best.loss)


def badness(metrics: Metrics, best_by: str) -> float:
    """The chosen metric as a number that is the lower the better: the loss, or what a score lacks to 1."""
    match best_by:
        case "auroc":
            return 1 - metrics.auroc
        case "average-precision":
            return 1 - metrics.average_precision
    return metrics.loss
