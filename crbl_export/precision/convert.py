"""From the float32 graph to the precision asked for."""

import onnx

from crbl_export.parity.limits import LIMITS
from crbl_export.precision.half_precision import half_precision
from crbl_runtime.errors import UsageError


def in_precision(model: onnx.ModelProto, precision: str) -> onnx.ModelProto:
    """The graph in "fp32" (as it is) or "fp16".

    Raises:
        UsageError: an unknown precision. ParityError: see `half_precision`.
    """
    if precision not in LIMITS:
        raise UsageError(f"The precision is {precision!r}, expected {', '.join(LIMITS)}.")
    return half_precision(model) if precision == "fp16" else model
