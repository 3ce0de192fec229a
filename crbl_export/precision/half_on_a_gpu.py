"""The gate for half precision as a GPU computes it."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from crbl_export.model_file import ModelFile
from crbl_export.parity.image_set import ImageSet
from crbl_export.parity.limits import LIMITS, Limits
from crbl_export.parity.providers import check_provider
from crbl_export.precision.rounded_half import rounded_to_half
from crbl_runtime.contract import INPUT_NAME, LOGIT_NAME
from crbl_runtime.errors import ParityError
from crbl_runtime.self_test import self_test_images

# A GPU may add up in half precision too, which the stand-in does not. The tolerance of the limits, 0.1, alone would
# pass a driver that computes half the channels of the first convolution as 0: 0.05 on a model of two epochs.
SELF_TEST_FACTOR = 4


def half_self_test_tolerance(model: onnx.ModelProto, pixels: NDArray[np.uint8], logits: NDArray[np.float64]) -> float:
    """How far a GPU that computes correctly may be from the self-test's `logits`: 4 x rounding alone.

    Args:
        model: in half precision. pixels: the self-test's images, uint8 [N, size, size, 3].

    Returns:
        from the tolerance of fp32 to the limit of fp16.
    """
    rounding = _self_test_error(rounded_to_half(model), pixels, logits)
    measured = float(f"{max(LIMITS['fp32'].self_test_tolerance, SELF_TEST_FACTOR * rounding):.2g}")
    return min(LIMITS["fp16"].self_test_tolerance, measured)


def require_half_on_a_gpu(file: ModelFile, images: ImageSet, limits: Limits | None) -> dict[str, float]:
    """Compare the file with PyTorch, with its half-precision results rounded as on a GPU.

    Returns:
        the largest |logit error|, to two digits, as `error_rounded_to_half`.

    Raises:
        ParityError: it does not decide as PyTorch does, or the self-test would reject a GPU that rounds so.
    """
    rounded = replace(file, graph=rounded_to_half(file.graph))
    with tempfile.TemporaryDirectory() as folder:
        stand_in = Path(folder) / "rounded_to_half.onnx"
        stand_in.write_bytes(rounded.to_bytes())
        report = check_provider(stand_in, images, limits)
    failures = list(report.failures)
    self_test = file.contract.self_test
    pixels = self_test_images(file.contract.preprocessing.image_size)
    error = _self_test_error(rounded.graph, pixels, np.array(self_test.logits))
    if not error <= self_test.tolerance:
        failures.append(f"a logit of the self-test is off by {error:.3g}, at most {self_test.tolerance:.3g} is allowed")
    if failures:
        raise ParityError(
            "With half-precision results rounded as on a GPU, the file does not decide as PyTorch does: "
            f"{'; '.join(failures)} (worst image: {report.worst_image}). Nothing was written. "
            "Export with --precision fp32."
        )
    return {"error_rounded_to_half": float(f"{report.error_onnx:.2g}")}


def _self_test_error(model: onnx.ModelProto, pixels: NDArray[np.uint8], expected: NDArray[np.float64]) -> float:
    """Largest |logit - expected| on the CPU; NaN where a logit is NaN."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    logits = session.run([LOGIT_NAME], {INPUT_NAME: pixels})[0]
    return float(np.max(np.abs(logits.astype(np.float64) - expected)))
