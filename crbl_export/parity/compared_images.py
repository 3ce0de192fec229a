"""What the gate decides by, image by image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.flipped_decisions import FlippedDecisions


@dataclass(frozen=True)
class ComparedImages:
    """How far N images are off float64 PyTorch.

    Attributes:
        error_onnx, error_torch: |differences| of the logit of the model file and of float32 PyTorch, float64 [N];
            infinite where one of the two logits is not a number.
        flipped: which decisions of the file differ, and how far each image is from the threshold.
    """

    error_onnx: NDArray[np.float64]
    error_torch: NDArray[np.float64]
    flipped: FlippedDecisions


def logit_errors(logits: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """|differences|, float64; infinite where one is not a number."""
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        errors = np.abs(logits.astype(np.float64) - reference.astype(np.float64))
    return np.where(np.isnan(errors), np.inf, errors)
