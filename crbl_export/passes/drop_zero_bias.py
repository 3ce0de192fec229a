"""Convolutions without a bias of zeros."""

import onnx
from onnx import numpy_helper

from crbl_export.copied import copied


def drop_zero_bias(model: onnx.ModelProto) -> onnx.ModelProto:
    """Remove the bias of each Conv where it is a constant 0.

    Cause: the squeeze-and-excite layers begin with a bias of zeros, and keep it where they are frozen. Adding it does
    nothing; dynamo's optimizer leaves it out and TorchScript does not.
    """
    changed = copied(model)
    zeros = {tensor.name for tensor in changed.graph.initializer if not numpy_helper.to_array(tensor).any()}
    for node in changed.graph.node:
        if node.op_type == "Conv" and len(node.input) == 3 and node.input[2] in zeros:
            del node.input[2]
    return changed
