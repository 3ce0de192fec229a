"""Which nodes of a graph only convert a weight."""

import onnx


def folded_casts(graph: onnx.GraphProto) -> dict[str, onnx.NodeProto]:
    """Each Cast of an initializer, by the name of the value that it gives.

    onnxruntime computes them once, when it loads a file and before it gives nodes to providers, and keeps their results
    as weights. Only Casts are counted, because it does not fold all that reads initializers, such as DequantizeLinear.
    """
    given = {value.name for value in (*graph.input, *graph.output)}
    constants = {tensor.name for tensor in graph.initializer} - given
    return {
        node.output[0]: node
        for node in graph.node
        if node.op_type == "Cast" and node.input[0] in constants and node.output[0] not in given
    }
