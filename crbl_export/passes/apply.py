"""Each pass compared with PyTorch by itself, so that a wrong one is named and not only noticed."""

from collections.abc import Callable, Sequence

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from crbl_export.parity.limits import ROUNDING_FACTOR, rounding_limit
from crbl_export.parity.reference import Reference
from crbl_runtime.contract import INPUT_NAME, LOGIT_NAME
from crbl_runtime.errors import CheckpointError, ParityError, first_line

Pass = Callable[[onnx.ModelProto], onnx.ModelProto]

# What these bounds are to catch is an exporter that wrote another model. As exported, the head adds up 1.6 million
# values one after the other, see `reduce_rows_first`: up to 6e-5 of a logit. And where the network magnifies rounding,
# that of a graph without fusion can be far larger than PyTorch's: 2.7e-3 against 2.5e-4 with random weights.
EXPORTED_TOLERANCE = 1e-3
EXPORTED_ROUNDING_FACTOR = 10 * ROUNDING_FACTOR
# How much rounding alone may vary when a pass puts operations in another order: 2.6e-3 after 2.4e-3 was seen.
VARIATION = 2.0


def apply_passes(
    model: onnx.ModelProto, passes: Sequence[Pass], images: NDArray[np.uint8], reference: Reference
) -> onnx.ModelProto:
    """All passes in order, each checked on images before the next one.

    A pass may leave the largest logit error, against float64 PyTorch, below ten times that of float32 PyTorch or 1e-4
    (the parity gate's limit), or at twice what it was. The difference that a pass makes would tell less: the one that
    adds up in another order rightly changes logits by 1.2e-4, and brings them from 1.3e-4 to 7e-6. All others changed
    them by 1e-6 at most, on both exporters' graphs of trained, converted and random models.

    Args:
        images: uint8 [N, size, size, 3]. reference: PyTorch's logits of them.

    Raises:
        ParityError: naming the pass that broke the graph or its logits, or that the graph came wrong from torch.
        CheckpointError: PyTorch's own logits are NaN or infinite.
    """
    if not np.isfinite(reference.float64).all():
        raise CheckpointError(
            "The checkpoint's model gives NaN or infinite logits in PyTorch. Nothing was written. Train it again."
        )
    limit = rounding_limit(reference.error_torch)
    error = _logit_error(model, images, reference.float64, "torch's exporter")
    largest = float(np.max(np.abs(reference.float64)))
    allowed = max(EXPORTED_TOLERANCE * max(1.0, largest), EXPORTED_ROUNDING_FACTOR * reference.error_torch)
    if not error <= allowed:
        raise ParityError(
            f"torch's exporter wrote a graph whose logits are off by {error:.2g} from float64 PyTorch, at most "
            f"{allowed:.2g} is rounding. Nothing was written. Export with another torch or another opset."
        )
    for change in passes:
        changed = change(model)
        if changed == model:
            continue
        after = _logit_error(changed, images, reference.float64, f"The pass {change.__name__}")
        allowed = max(limit, VARIATION * error)
        if not after <= allowed:
            raise ParityError(
                f"The pass {change.__name__} changed the logits: they are off by {after:.2g} from float64 PyTorch "
                f"and were off by {error:.2g} before it (at most {allowed:.2g} is rounding). Nothing was written. "
                "Please report it with the versions of torch, onnx and onnxsim."
            )
        model, error = changed, after
    return model


def _logit_error(model: onnx.ModelProto, images: NDArray[np.uint8], expected: NDArray[np.float64], maker: str) -> float:
    """Largest |logit - expected|; NaN where a logit is NaN."""
    try:
        onnx.checker.check_model(model, full_check=True)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # Else it warns of each weight that a pass has made superfluous.
        # What is compared is the graph as it stands, not what onnxruntime makes of it.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        logits = session.run([LOGIT_NAME], {INPUT_NAME: images})[0]
    except Exception as error:  # onnxruntime's own types share no base but Exception
        raise ParityError(
            f"{maker} made a graph that does not run ({first_line(error)}). Nothing was written."
        ) from error
    return float(np.max(np.abs(logits.astype(np.float64) - expected)))
