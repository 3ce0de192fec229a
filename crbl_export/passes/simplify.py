"""Constants folded, BatchNorm merged into its convolution, dead nodes removed."""

import onnx
import onnxsim

from crbl_runtime.errors import ParityError


def simplify(model: onnx.ModelProto) -> onnx.ModelProto:
    """Run onnxsim.

    Cause: exporters leave shape arithmetic, Identity nodes and BatchNormalization behind, which cost time on the CPU
    and keep DirectML from fusing the graph into one node.

    Raises:
        ParityError: onnxsim's own comparison on random inputs fails.
    """
    simplified: onnx.ModelProto
    simplified, agrees = onnxsim.simplify(model)
    if not agrees:
        raise ParityError("onnxsim changed what the graph computes. Export with another onnxsim version.")
    return simplified
