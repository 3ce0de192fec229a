"""Nodes without what is the default anyway."""

import onnx
from onnx import helper

from crbl_export.copied import copied


def leave_out_defaults(model: onnx.ModelProto) -> onnx.ModelProto:
    """Remove each attribute that has its operator's default value, and empty names at the end of a node's inputs.

    Cause: dynamo writes both out and TorchScript does not, so that equal nodes look different.
    """
    changed = copied(model)
    opsets = {entry.domain: entry.version for entry in changed.opset_import}
    for node in changed.graph.node:
        schema = onnx.defs.get_schema(node.op_type, opsets[node.domain], node.domain)
        needed = [attribute for attribute in node.attribute if not _is_default(attribute, schema)]
        del node.attribute[:]
        node.attribute.extend(needed)
        while node.input and not node.input[-1]:
            del node.input[-1]
    return changed


def _is_default(attribute: onnx.AttributeProto, schema: onnx.defs.OpSchema) -> bool:
    default = schema.attributes[attribute.name].default_value
    # One without a default has an empty name there.
    return bool(default.name) and helper.get_attribute_value(default) == helper.get_attribute_value(attribute)
