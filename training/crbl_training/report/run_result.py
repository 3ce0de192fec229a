"""What a finished run has to show beside the numbers of metrics.json: how the scores lie, and the worst mistakes."""

from typing import Any

from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.evaluation.report import EvaluationReport
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.report.mistakes import mistakes_with_heatmaps
from crbl_training.report.pictures import Pictures
from crbl_training.report.score_histogram import score_histogram


def shown_result(
    report: EvaluationReport, model: CRBLDualModel, spec: PreprocessingSpec, pictures: Pictures
) -> dict[str, Any]:
    """As JSON types; report_pages/src/training/training_data.ts explains them.

    Args:
        model: the one that was measured, on the CPU, in eval mode. pictures: takes the images that are shown.
    """
    return {
        "histogram": score_histogram(report.logits, report.dataset.labels),
        "mistakes": mistakes_with_heatmaps(report.mistakes, model, spec, pictures),
    }
