"""The report on a model and a set of images: a table of metrics, the scores and the worst mistakes.

crbl-train and crbl-evaluate both report through here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from crbl_runtime.counted import counted
from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.evaluation.consequences import (
    NO_ASSUMPTIONS,
    Assumptions,
    Consequences,
    consequence_lines,
    consequences_of,
)
from crbl_training.evaluation.metrics import Evaluation, Metrics, evaluate, require_finite_logits
from crbl_training.evaluation.scores import write_scores
from crbl_training.evaluation.worst_mistakes import WorstMistakes, worst_mistakes, write_worst_mistakes
from crbl_training.file_names import MISTAKES_FILE

METRIC_LABELS = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
}


@dataclass(frozen=True)
class EvaluationReport:
    """The images, the model's logits (float32 [N]), and what follows from them."""

    dataset: PreparedDataset
    logits: Tensor
    evaluation: Evaluation
    mistakes: WorstMistakes
    consequences: Consequences


def report_on(
    images: PreparedDataset, logits: Tensor, threshold: float, assumptions: Assumptions = NO_ASSUMPTIONS
) -> EvaluationReport:
    """Measure, with intervals, and sort out the mistakes; takes seconds.

    Args:
        assumptions: what the threshold's consequences are reckoned with.

    Raises:
        NotFiniteError: a logit is not finite.
    """
    require_finite_logits(logits)
    return EvaluationReport(
        images,
        logits,
        evaluate(logits, images.labels, threshold),
        worst_mistakes(images, logits, threshold),
        consequences_of(logits, images.labels, threshold, assumptions),
    )


def write_report(folder: Path, scores_file: str, report: EvaluationReport, title: str) -> dict[str, Any]:
    """Write the scores (CSV) and the worst mistakes (PNG) to a folder; returns what metrics.json holds about both."""
    write_scores(folder / scores_file, report.dataset, report.logits)
    write_worst_mistakes(folder / MISTAKES_FILE, report.mistakes, title)
    return {"scores": scores_file, "worst_mistakes": report.mistakes.to_dict()}


def report_lines(report: EvaluationReport) -> list[str]:
    """The metrics with their intervals, the confusion matrix, what a metric without a mistake is worth, and the
    consequences of the threshold."""
    metrics, intervals = report.evaluation.metrics, report.evaluation.intervals
    rows = [
        f"  {label:18} {getattr(metrics, name):8.4f}   {intervals[name].low:.4f} to {intervals[name].high:.4f}"
        for name, label in METRIC_LABELS.items()
    ]
    return [
        f"  {'':18} {'value':>8}   95 % interval",
        *rows,
        f"  {f'threshold {metrics.threshold:.4g}':18} {'called normal':>16} {'called anomalous':>18}",
        f"  {'normal':18} {metrics.true_normal:16d} {metrics.false_alarm:18d}",
        f"  {'anomalous':18} {metrics.missed_anomaly:16d} {metrics.true_anomaly:18d}",
        *_without_a_mistake(metrics),
        *consequence_lines(report.consequences),
    ]


def _without_a_mistake(metrics: Metrics) -> list[str]:
    """What the bootstrap cannot see: the rule of three (Hanley and Lippman-Hand, JAMA 249, 1983, 1743)."""
    anomalous = metrics.missed_anomaly + metrics.true_anomaly
    normal = metrics.true_normal + metrics.false_alarm
    lines = []
    if metrics.missed_anomaly == 0:
        lines.append(f"  No anomaly of {anomalous} was missed: of others, up to {min(1, 3 / anomalous):.1%} may be.")
    if metrics.false_alarm == 0:
        lines.append(
            f"  No false alarm on {counted(normal, 'image')}: on others, up to {min(1, 3 / normal):.1%} may be."
        )
    return lines
