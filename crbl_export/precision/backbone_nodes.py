"""Which nodes of the graph make up the two backbones, without their reductions."""

import onnx

ELEMENTWISE = frozenset({"Sigmoid", "Mul", "Add"})


def backbone_nodes(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Every Conv, and every Sigmoid, Mul and Add that reads nothing but weights and what these nodes give.

    So the scaling of the input, the means of squeeze-and-excite, and all from the reshaped feature maps on stay out,
    whatever an exporter calls its nodes.
    """
    weights = {tensor.name for tensor in graph.initializer}
    results: set[str] = set()
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        computed = [name for name in node.input if name and name not in weights]
        if node.op_type == "Conv" or (node.op_type in ELEMENTWISE and results.issuperset(computed)):
            nodes.append(node)
            results.update(node.output)
    return nodes
