"""A failed gate, with the node that is to blame."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx

from crbl_export.divergence.first_divergence import Disagreement, find_first_divergence
from crbl_export.parity.image_set import ImageSet
from crbl_export.parity.limits import ROUNDING_FACTOR, SMALLEST_LIMIT
from crbl_export.parity.report import ParityGate, ParityReport
from crbl_export.trained_model import TrainedModel


def with_divergence(gate: ParityGate, model: Path, trained: TrainedModel, images: ImageSet) -> ParityGate:
    """The gate, with the first divergent node, or why there is none, in each report that failed.

    Args:
        model: the file that the gate is about. trained: the model it was exported from.
        images: what the gate compared on.
    """
    if gate.passed:
        return gate
    graph = onnx.load(model)
    reports = [report if report.passed else _diagnosed(report, graph, trained, images) for report in gate.reports]
    return replace(gate, reports=tuple(reports))


def _diagnosed(report: ParityReport, model: onnx.ModelProto, trained: TrainedModel, images: ImageSet) -> ParityReport:
    found = find_first_divergence(model, trained, _most_telling(report, images))
    remarks = (found.remark,) if found.remark else ()
    return replace(report, divergence=found.node, failures=(*report.failures, *remarks))


def _most_telling(report: ParityReport, images: ImageSet) -> Disagreement:
    """The image on which the file is off the most compared with what rounding is worth there."""
    predictions, errors = report.predictions, report.by_image.error_onnx
    rounding = np.minimum(report.by_image.error_torch, 1.0)
    # PyTorch's error may be small by chance.
    number = int(np.argmax(errors / (rounding + np.median(rounding) + SMALLEST_LIMIT / ROUNDING_FACTOR)))
    return Disagreement(
        images.pixels[number],
        float(predictions.logits[number]),
        float(images.reference.float64[number]),
        report.limit,
        predictions.provider,
    )
