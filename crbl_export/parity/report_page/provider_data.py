"""What a page shows of one execution provider."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crbl_export.parity.report import ParityReport
from crbl_export.parity.report_page.error_histogram import ErrorHistogram, error_histogram
from crbl_export.parity.report_page.shown_images import ShownImages
from crbl_runtime.decision import threshold_logit

QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)


def provider_data(report: ParityReport, shown: ShownImages) -> dict[str, Any]:
    """The report as in JSON, and what the gate decided by, image by image. What is not a number stays NaN or infinite.

    Args:
        shown: the images that are shown one by one.
    """
    predictions, by_image = report.predictions, report.by_image
    return {
        "report": report.to_dict(),
        "device": str(predictions.provider),
        "thresholdLogit": threshold_logit(report.threshold),
        "logits": predictions.logits.tolist(),
        "probabilities": predictions.probabilities.tolist(),
        "decisions": predictions.is_anomaly.tolist(),
        "distances": by_image.flipped.distances.tolist(),
        "errors": by_image.error_onnx.tolist(),
        "torchErrors": by_image.error_torch.tolist(),
        "histogram": _histogram(error_histogram(by_image.error_onnx, by_image.error_torch)),
        "quantiles": [
            {"share": share, "onnx": onnx, "torch": torch}
            for share, onnx, torch in zip(
                QUANTILES, _quantiles(by_image.error_onnx), _quantiles(by_image.error_torch), strict=True
            )
        ],
        "shown": {
            "largestErrors": shown.largest_errors,
            "flips": shown.flips,
            "flipsWithinMargin": shown.flips_within_margin,
            "nearest": shown.nearest,
        },
    }


def _histogram(histogram: ErrorHistogram) -> dict[str, Any]:
    return {
        "edges": histogram.edges,
        "onnx": histogram.onnx,
        "torch": histogram.torch,
        "zero": {"onnx": histogram.onnx_zero, "torch": histogram.torch_zero},
        "notFinite": {"onnx": histogram.onnx_not_finite, "torch": histogram.torch_not_finite},
    }


def _quantiles(errors: NDArray[np.float64]) -> list[float]:
    # Between an infinite error and a finite one there is no number.
    with np.errstate(invalid="ignore"):
        quantiles: list[float] = np.quantile(errors, QUANTILES).tolist()
    return quantiles
