"""What a GPU makes of half precision, computed on the CPU."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from crbl_export.copied import copied


def rounded_to_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """A float32 graph that rounds to float16 whatever `model` computes in float16, node by node.

    Cause: onnxruntime's CPU provider has no float16 kernels on x86. It computes in float32 and leaves out the rounding
    between neighbouring nodes: the file's logits come out nearer to PyTorch's than on a GPU, and a value beyond
    float16's range, which is infinite on a GPU, is none here. Pairs of Casts that are in the file stay.

    The sums within a convolution are in float32 here; a GPU that adds up in float16 differs by more.
    """
    rounded = copied(model)
    graph = rounded.graph
    half: set[str] = set()
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT16:
            half.add(tensor.name)
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        to = next((attribute.i for attribute in node.attribute if node.op_type == "Cast" and attribute.name == "to"), 0)
        reads_half = not half.isdisjoint(node.input)
        if to == TensorProto.FLOAT and reads_half:
            nodes.append(helper.make_node("Identity", node.input, node.output))
        elif to == TensorProto.FLOAT16:
            nodes += _rounding(node.input[0], node.output[0])
            half.add(node.output[0])
        elif reads_half:
            result = node.output[0]
            node.output[0] = f"{result}_exact"
            nodes += [node, *_rounding(node.output[0], result)]
            half.add(result)
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    return rounded


def _rounding(exact: str, result: str) -> list[onnx.NodeProto]:
    between = f"{result}_float16"
    return [
        helper.make_node("Cast", [exact], [between], to=TensorProto.FLOAT16),
        helper.make_node("Cast", [between], [result], to=TensorProto.FLOAT),
    ]
