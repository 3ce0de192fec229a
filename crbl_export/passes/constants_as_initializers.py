"""Constants beside the weights."""

import onnx

from crbl_export.copied import copied


def constants_as_initializers(model: onnx.ModelProto) -> onnx.ModelProto:
    """Turn each Constant node that holds a tensor into an initializer.

    Cause: exporters leave Constant nodes behind. Passes look for constants among the initializers, and DirectML's
    table knows no kernel for Constant.
    """
    changed = copied(model)
    for node in [node for node in changed.graph.node if node.op_type == "Constant"]:
        if node.attribute[0].name == "value":
            tensor = changed.graph.initializer.add()
            tensor.CopyFrom(node.attribute[0].t)
            tensor.name = node.output[0]
            changed.graph.node.remove(node)
    return changed
