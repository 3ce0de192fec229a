"""The gate for half precision as a GPU computes it."""

import tempfile
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from crbl_export.parity.compare import ParitySet, check_parity
from crbl_export.parity.limits import LIMITS, Limits
from crbl_export.precision.rounded_half import rounded_to_half
from crbl_export.self_test_logits import self_test_logits
from crbl_runtime.contract import SelfTest
from crbl_runtime.errors import ParityError
from crbl_training.checkpoint import Checkpoint

# A GPU may add up in half precision too, which the stand-in does not. The tolerance of the limits, 0.1, alone would
# pass a driver that computes half the channels of the first convolution as 0: 0.05 on a model of two epochs.
SELF_TEST_FACTOR = 4
SMALLEST_TOLERANCE = LIMITS["fp32"].self_test_tolerance


def half_self_test_tolerance(model: onnx.ModelProto, logits: NDArray[np.float64], image_size: int) -> float:
    """How far a GPU that computes correctly may be from the self-test's `logits`: 4 x rounding alone."""
    rounded = self_test_logits(rounded_to_half(model).SerializeToString(deterministic=True), image_size)
    error = float(np.max(np.abs(rounded - logits)))
    return float(f"{max(SMALLEST_TOLERANCE, SELF_TEST_FACTOR * error):.2g}")


def require_half_on_a_gpu(
    rounded: bytes, self_test: SelfTest, checkpoint: Checkpoint, images: ParitySet, limits: Limits
) -> float:
    """Hold the content of `rounded_to_half`, which carries the file's contract, against PyTorch.

    Returns:
        the largest |logit error|.

    Raises:
        ParityError: it does not decide as PyTorch does, or the self-test would turn away a GPU that rounds so.
    """
    with tempfile.TemporaryDirectory() as folder:
        stand_in = Path(folder) / "rounded_to_half.onnx"
        stand_in.write_bytes(rounded)
        report = check_parity(
            stand_in,
            checkpoint,
            images,
            tolerance=limits.tolerance,
            max_flips=limits.max_flips,
            margin=limits.margin,
        )
    failures = list(report.failures)
    logits = self_test_logits(rounded, checkpoint.preprocessing.image_size)
    error = float(np.max(np.abs(logits - self_test.logits)))
    if not error <= self_test.tolerance:
        failures.append(f"a logit of the self-test is off by {error:.3g}, at most {self_test.tolerance:.3g} is allowed")
    if failures:
        raise ParityError(
            "With half-precision results rounded as on a GPU, the file does not decide as PyTorch does: "
            f"{'; '.join(failures)} (worst image: {report.worst_image}). Nothing was written. "
            "Export with --precision fp32."
        )
    return report.error_onnx
