"""A model file's logits and decisions compared with PyTorch's."""

import numpy as np
import onnxruntime

from crbl_export.parity.compared_images import ComparedImages, logit_errors
from crbl_export.parity.image_set import ImageSet
from crbl_export.parity.limits import Limits
from crbl_export.parity.predictions import FilePredictions
from crbl_export.parity.report import REPORT_SCHEMA_VERSION, ParityReport
from crbl_runtime.errors import ParityError
from crbl_runtime.flipped_decisions import flipped_decisions


def compare(images: ImageSet, predictions: FilePredictions, limits: Limits) -> ParityReport:
    """Compare what a file gives for N images with PyTorch's logits. Anything not finite fails.

    Raises:
        ParityError: there is nothing to compare.
    """
    float64, float32, logits = images.reference.float64, images.reference.float32, predictions.logits
    if len(float64) == 0 or len(float64) != len(logits):
        raise ParityError(f"Nothing was compared: {len(float64)} reference logits, {len(logits)} of the file.")
    onnx, torch = logit_errors(logits, float64), logit_errors(float32, float64)
    error_torch, error_onnx = float(np.max(torch)), float(np.max(onnx))
    median_error_torch, median_error_onnx = float(np.median(torch)), float(np.median(onnx))
    limit, median_limit = limits.logit_error(error_torch), limits.logit_error(median_error_torch)
    flipped = flipped_decisions(predictions.is_anomaly, float64, predictions.threshold, limit)
    flips = int(np.sum(flipped.outside_margin))
    failures = []
    if not all(bool(np.isfinite(values).all()) for values in (float64, float32, logits)):
        failures.append("a logit is NaN or infinite")
    elif error_onnx > limit:
        failures.append(f"a logit is off by {error_onnx:.3g}, at most {limit:.3g} is allowed")
    elif median_error_onnx > median_limit:
        failures.append(
            f"half of the logits are off by {median_error_onnx:.3g} or more, at most {median_limit:.3g} is allowed"
        )
    if flips > limits.max_flips * len(float64):
        allowed = f", at most {limits.max_flips:.3g} of them may" if limits.max_flips else ""
        failures.append(f"{flips} of {len(float64)} decisions differ{allowed}")
    return ParityReport(
        schema_version=REPORT_SCHEMA_VERSION,
        provider=predictions.provider.kind,
        onnxruntime=onnxruntime.__version__,
        images=len(float64),
        unreadable=images.unreadable,
        images_source=images.source,
        images_hash=images.hash,
        threshold=predictions.threshold,
        error_torch=error_torch,
        error_onnx=error_onnx,
        limit=limit,
        median_error_torch=median_error_torch,
        median_error_onnx=median_error_onnx,
        median_limit=median_limit,
        margin=limit,
        worst_image=images.names[int(np.argmax(onnx))],
        flips=flips,
        flips_within_margin=int(np.sum(flipped.within_margin)),
        max_flips=limits.max_flips,
        failures=tuple(failures),
        predictions=predictions,
        by_image=ComparedImages(onnx, torch, flipped),
    )
