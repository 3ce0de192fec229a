"""The review page of labelled images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from crbl_runtime.report.picture import picture_of_file
from crbl_runtime.report.review_page import write_review_page
from crbl_runtime.report.reviewed import ReviewedImage, ReviewedModel
from crbl_training.data.dataset import LabelledImage
from crbl_training.evaluation.consequences import Consequences
from crbl_training.evaluation.explained_images import ExplainedImages
from crbl_training.evaluation.metrics import probabilities
from crbl_training.evaluation.report import EvaluationReport


@dataclass(frozen=True)
class MeasuredPrediction:
    """A prediction of an image that was measured, for the page; see `Prediction`."""

    probability: float
    logit: float
    calibrated_probability: float | None
    region_found: bool
    box: tuple[int, int, int, int]
    heatmap: NDArray[np.float32] | None


def reviewed_images(
    listed: Sequence[LabelledImage], report: EvaluationReport, explained: ExplainedImages, bit_depth: int | None
) -> list[ReviewedImage]:
    """The images that were measured, and after them those that could not be read.

    Args:
        listed: all images, the unreadable ones too. bit_depth: that they are decoded with.

    Raises:
        ImageError: an image was removed since it was measured.
    """
    dataset = report.dataset
    read = [
        ReviewedImage(
            image.path, (prediction,), picture_of_file(image.path, bit_depth), label=image.label, kind=image.kind
        )
        for image, prediction in zip(dataset.labelled_images, _predictions(report, explained), strict=True)
    ]
    measured = set(dataset.paths)
    unusable = [image for image in listed if image.path not in measured]
    return read + [
        ReviewedImage(image.path, (), None, error, label=image.label, kind=image.kind)
        for image, error in zip(unusable, dataset.skipped, strict=True)
    ]


def write_review(
    path: Path,
    title: str,
    model: ReviewedModel,
    images: Sequence[ReviewedImage],
    consequences: Consequences,
    remarks: Sequence[str],
) -> None:
    """Write the page, which reckons at first with the defect rate and the costs of `consequences`.

    Raises:
        OutputError: it cannot be written.
    """
    costs = consequences.costs
    write_review_page(
        path,
        title,
        [model],
        images,
        defect_rate=consequences.defect_rate,
        costs=(costs.missed_anomaly, costs.false_alarm) if costs is not None else None,
        remarks=remarks,
    )


def _predictions(report: EvaluationReport, explained: ExplainedImages) -> list[MeasuredPrediction]:
    """With the probabilities that the metrics were computed from."""
    calibrated = expit(report.calibrated.log_odds).tolist() if report.calibrated is not None else None
    rows = zip(probabilities(report.logits).tolist(), report.logits.tolist(), explained.regions, strict=True)
    return [
        MeasuredPrediction(
            probability,
            logit,
            calibrated[number] if calibrated is not None else None,
            region.found,
            region.box,
            explained.heatmaps[number] if explained.heatmaps is not None else None,
        )
        for number, (probability, logit, region) in enumerate(rows)
    ]
