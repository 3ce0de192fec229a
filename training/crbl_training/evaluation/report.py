"""The report on a model and a set of images: a table of metrics, the scores and the worst mistakes.

crbl-train and crbl-evaluate both report through here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.evaluation.calibration import CalibratedImages
from crbl_training.evaluation.calibration_images import few_images_note
from crbl_training.evaluation.consequences import (
    NO_ASSUMPTIONS,
    Assumptions,
    Consequences,
    consequence_lines,
    consequences_of,
)
from crbl_training.evaluation.kinds import kind_lines
from crbl_training.evaluation.metric_labels import METRIC_LABELS
from crbl_training.evaluation.metrics import Evaluation, evaluate, require_finite_logits
from crbl_training.evaluation.reliability import Reliability, reliability
from crbl_training.evaluation.reliability_diagram import write_reliability_diagram
from crbl_training.evaluation.scores import write_scores
from crbl_training.evaluation.without_mistakes import without_mistakes
from crbl_training.evaluation.worst_mistakes import WorstMistakes, worst_mistakes, write_worst_mistakes
from crbl_training.file_names import MISTAKES_FILE, RELIABILITY_FILE

RELIABILITY_LABELS = {"brier": "Brier score", "log_loss": "log loss", "calibration_error": "calibration error"}


@dataclass(frozen=True)
class EvaluationReport:
    """The images, the model's logits (float32 [N]), and what follows from them.

    Attributes:
        calibrated: the images by the model's calibration, None where it has none.
        reliability: of the probabilities as the network gives them. calibrated_reliability: of the calibrated ones.
    """

    dataset: PreparedDataset
    logits: Tensor
    evaluation: Evaluation
    mistakes: WorstMistakes
    consequences: Consequences
    calibrated: CalibratedImages | None
    reliability: Reliability
    calibrated_reliability: Reliability | None


def report_on(
    images: PreparedDataset,
    logits: Tensor,
    threshold: float,
    calibrated: CalibratedImages | None = None,
    assumptions: Assumptions = NO_ASSUMPTIONS,
) -> EvaluationReport:
    """Measure, with intervals, and sort out the mistakes; takes seconds.

    Args:
        calibrated: the same images by the model's calibration, if it has one.
        assumptions: what the threshold's consequences are reckoned with.

    Raises:
        NotFiniteError: a logit is not finite.
    """
    require_finite_logits(logits)
    truth = images.labels.numpy().astype(np.int64)
    return EvaluationReport(
        images,
        logits,
        evaluate(logits, images.labels, threshold, images.kinds),
        worst_mistakes(images, logits, threshold),
        consequences_of(logits, images.labels, threshold, assumptions),
        calibrated,
        reliability(logits.double().numpy(), truth),
        reliability(calibrated.log_odds, truth) if calibrated is not None else None,
    )


def write_report(folder: Path, scores_file: str, report: EvaluationReport, title: str) -> dict[str, Any]:
    """Write the scores (CSV), the worst mistakes and the reliability diagram (PNG) to a folder.

    Returns:
        what metrics.json holds about them.
    """
    calibrated = report.calibrated
    write_scores(
        folder / scores_file, report.dataset, report.logits, calibrated.calibration if calibrated is not None else None
    )
    write_worst_mistakes(folder / MISTAKES_FILE, report.mistakes, title)
    held_out = calibrated is not None and calibrated.held_out
    write_reliability_diagram(
        folder / RELIABILITY_FILE, title, report.reliability, report.calibrated_reliability, held_out
    )
    return {"scores": scores_file, "worst_mistakes": report.mistakes.to_dict()}


def reliability_to_dict(report: EvaluationReport) -> dict[str, Any]:
    """How far the probabilities can be taken for frequencies, as JSON types; `held_out` as in `CalibratedImages`."""
    after = report.calibrated_reliability
    return {
        "images": len(report.logits),
        "raw": report.reliability.to_dict(),
        "calibrated": after.to_dict() if after is not None else None,
        "held_out": report.calibrated.held_out if report.calibrated is not None else None,
    }


def reliability_lines(report: EvaluationReport) -> list[str]:
    """Brier score, log loss and calibration error, raw and calibrated, and where the calibration comes from."""
    raw, after = report.reliability.measures(), report.calibrated_reliability
    calibrated = after.measures() if after is not None else {}
    lines = [f"  {'probabilities':18} {'raw':>8}" + (f" {'calibrated':>12}" if calibrated else "")]
    lines += [
        f"  {RELIABILITY_LABELS[name]:18} {value:8.4f}" + (f" {calibrated[name]:12.4f}" if calibrated else "")
        for name, value in raw.items()
    ]
    if report.calibrated is not None:
        lines.append(f"  Calibrated: {report.calibrated.source}")
        note = few_images_note(report.calibrated.calibration)
        lines += [f"  {note}"] if note is not None else []
    if calibrated and calibrated["log_loss"] >= raw["log_loss"]:
        lines.append(
            "  On these images the calibrated probabilities are no better than the raw ones, by their log loss."
        )
    return lines


def report_lines(report: EvaluationReport) -> list[str]:
    """The metrics with their intervals, the confusion matrix, what no mistake is worth, the recall of each kind, and
    the consequences of the threshold."""
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
        *(f"  {sentence}" for sentence in without_mistakes(metrics)),
        *kind_lines(report.evaluation.kinds),
        *consequence_lines(report.consequences),
    ]
