"""The same graph, the same bytes."""

import onnx
from onnx import helper

from crbl_export.copied import copied


def canonical_form(model: onnx.ModelProto) -> onnx.ModelProto:
    """Number the values and nodes, sort the weights, drop what tells of the exporting machine.

    Cause: exporters name values by counters and source files and write stack traces with paths into the graph; two
    exports of one checkpoint would differ in bytes that mean nothing. They also write the newest IR version that they
    know, which older onnxruntimes refuse; here it is the lowest one that the opset can have.
    """
    canonical = copied(model)
    canonical.ir_version = helper.find_min_ir_version_for(canonical.opset_import)
    canonical.producer_name, canonical.producer_version = "crbl", ""
    canonical.doc_string = canonical.domain = ""
    del canonical.metadata_props[:]
    del canonical.functions[:]
    graph = canonical.graph
    graph.name, graph.doc_string = "crbl", ""
    del graph.value_info[:]
    del graph.metadata_props[:]
    fixed = {value.name for value in (*graph.input, *graph.output)}
    names: dict[str, str] = {"": ""} | {name: name for name in fixed}
    for number, node in enumerate(graph.node):
        node.name = f"{node.op_type}_{number}"
        node.doc_string = ""
        del node.metadata_props[:]
        for name in (*node.input, *node.output):
            names.setdefault(name, f"v{len(names)}")
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
        attributes = sorted(node.attribute, key=lambda attribute: attribute.name)
        del node.attribute[:]
        node.attribute.extend(attributes)
    weights = [tensor for tensor in graph.initializer if tensor.name in names]
    for tensor in weights:
        tensor.name, tensor.doc_string = names[tensor.name], ""
    weights.sort(key=lambda tensor: int(tensor.name[1:]))
    del graph.initializer[:]
    graph.initializer.extend(weights)
    for value in (*graph.input, *graph.output):
        value.doc_string = ""
    return canonical
