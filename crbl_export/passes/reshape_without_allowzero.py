"""Reshape as DirectML takes it."""

import onnx
from onnx import numpy_helper

from crbl_export.copied import copied


def reshape_without_allowzero(model: onnx.ModelProto) -> onnx.ModelProto:
    """Set allowzero to 0 on every Reshape whose constant target has no zero, where it means the same.

    Cause: exporters write allowzero=1, and DirectML then refuses the whole model (80070057, Invalid parameter) if the
    target has a -1.
    """
    changed = copied(model)
    constants = {tensor.name: tensor for tensor in changed.graph.initializer}
    for node in changed.graph.node:
        if node.op_type != "Reshape" or node.input[1] not in constants:
            continue
        if 0 not in numpy_helper.to_array(constants[node.input[1]]):
            others = [attribute for attribute in node.attribute if attribute.name != "allowzero"]
            del node.attribute[:]
            node.attribute.extend(others)
    return changed
