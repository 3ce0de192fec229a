"""From the float32 graph to the precision asked for."""

import onnx

from crbl_export.precision.calibration import CalibrationSet
from crbl_export.precision.half_precision import half_precision
from crbl_export.precision.int8 import quantize
from crbl_export.precision.limits import LIMITS
from crbl_runtime.errors import UsageError


def in_precision(model: onnx.ModelProto, precision: str, calibration: CalibrationSet | None) -> onnx.ModelProto:
    """The graph in "fp32" (as it is), "fp16" or "int8".

    Args:
        calibration: the pictures for int8, None for the others.

    Raises:
        UsageError: an unknown precision, int8 without calibration pictures, or another precision with them.
            ParityError: see `half_precision`.
    """
    require_fitting(precision, calibration is not None)
    if precision == "fp16":
        return half_precision(model)
    if precision == "int8" and calibration is not None:
        return quantize(model, calibration.images)
    return model


def require_fitting(precision: str, calibrated: bool) -> None:
    """Raise UsageError unless the precision is known and has calibration pictures exactly where it is int8."""
    if precision not in LIMITS:
        raise UsageError(f"The precision is {precision!r}, expected {', '.join(LIMITS)}.")
    if precision == "int8" and not calibrated:
        raise UsageError("int8 needs real pictures to measure ranges on. Name a folder of them with --calibrate.")
    if precision != "int8" and calibrated:
        raise UsageError(f"Only int8 is calibrated, the precision is {precision}. Leave --calibrate out.")
