"""float32, and half precision for the backbones."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from crbl_export.model_file import ModelFile
from crbl_export.parity.image_set import ImageSet
from crbl_export.parity.limits import LIMITS, Limits
from crbl_export.precision.half_on_a_gpu import half_self_test_tolerance, require_half_on_a_gpu
from crbl_export.precision.half_precision import half_precision
from crbl_runtime.errors import UsageError


@dataclass(frozen=True)
class Precision:
    """A number format of a model file.

    Attributes:
        convert: from the float32 graph to this precision. Raises ParityError: a weight does not fit.
        self_test_tolerance: from the converted graph, prepared images, uint8 [N, size, size, 3], and their logits,
            float64 [N], to the |difference| of a logit that a driver that computes correctly may have.
        extra_gate: what the file must pass beside the parity gate, on the same images and with the same limits. Gives
            what of it travels in the file. Raises ParityError: the file does not pass.
    """

    convert: Callable[[onnx.ModelProto], onnx.ModelProto]
    self_test_tolerance: Callable[[onnx.ModelProto, NDArray[np.uint8], NDArray[np.float64]], float]
    extra_gate: Callable[[ModelFile, ImageSet, Limits | None], dict[str, float]]


PRECISIONS = {
    "fp32": Precision(
        convert=lambda model: model,
        self_test_tolerance=lambda model, pixels, logits: LIMITS["fp32"].self_test_tolerance,
        extra_gate=lambda file, images, limits: {},
    ),
    "fp16": Precision(
        convert=half_precision,
        self_test_tolerance=half_self_test_tolerance,
        extra_gate=require_half_on_a_gpu,
    ),
}


def get_precision(name: str) -> Precision:
    """The precision of this name.

    Raises:
        UsageError: there is none.
    """
    if name not in PRECISIONS:
        raise UsageError(f"The precision is {name!r}, expected {', '.join(PRECISIONS)}.")
    return PRECISIONS[name]
