"""Backbones in half precision, everything else in float32."""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from crbl_export.copied import copied
from crbl_export.passes.canonical_form import canonical_form
from crbl_export.precision.backbone_nodes import backbone_nodes
from crbl_runtime.errors import ParityError
from crbl_training.model.feature_extractor import FEATURE_CHANNELS


def half_precision(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose backbones compute in float16; reductions, bilinear products, head, inputs and outputs as before.

    onnxruntime.transformers.float16 was tried on the same nodes. Without `force_fp16_initializers` it leaves the head's
    matrix in float32: 58.7 % of the float32 file's size, where 55 % are allowed. With it, it raises the head's floor of
    1e-12 to 6e-8, rounds the head's bias too, and makes a graph of 640 nodes, where this one has 573: it casts once
    for every reader and not once for every value.

    Raises:
        ParityError: a weight is too large for half precision.
    """
    changed = _store_head_matrix_as_half(model)
    graph = changed.graph
    in_half = backbone_nodes(graph)
    _halve_weights(graph, in_half)
    weights = {tensor.name for tensor in graph.initializer}
    names_in_half = {node.name for node in in_half}
    results = {name for node in in_half for name in node.output}
    nodes: list[onnx.NodeProto] = []
    casts: dict[str, str] = {}
    for node in graph.node:
        is_half = node.name in names_in_half
        for position, name in enumerate(node.input):
            if not name or name in weights or is_half == (name in results):
                continue
            if name not in casts:
                casts[name] = f"{name}_cast"
                to = TensorProto.FLOAT16 if is_half else TensorProto.FLOAT
                nodes.append(helper.make_node("Cast", [name], [casts[name]], to=to))
            node.input[position] = casts[name]
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    return canonical_form(changed)


def _store_head_matrix_as_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose 1280 x 1280 weights are stored as float16 and cast to float32 in the graph.

    Cause: in float32 they are 6.6 of 38.5 MB, and a file with half-precision backbones would still be 58.5 % of its
    size. onnxruntime casts constants once, when it loads the file.

    Raises:
        ParityError: a weight is too large for half precision.
    """
    changed = copied(model)
    for tensor in changed.graph.initializer:
        if tensor.dims == [FEATURE_CHANNELS, FEATURE_CHANNELS] and tensor.data_type == TensorProto.FLOAT:
            name = tensor.name
            half = f"{name}_half"
            tensor.CopyFrom(numpy_helper.from_array(_to_half(numpy_helper.to_array(tensor), "of the head"), half))
            changed.graph.node.insert(0, helper.make_node("Cast", [half], [name], to=TensorProto.FLOAT))
    return changed


def _halve_weights(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> None:
    """Let `nodes` read float16 copies of their weights; other nodes that read one go on with the float32 tensor."""
    weights = {tensor.name: tensor for tensor in graph.initializer}
    halved: set[str] = set()
    for node in nodes:
        for position, name in enumerate(node.input):
            if name not in weights:
                continue
            half = f"{name}_half"
            if half not in halved:
                halved.add(half)
                values = _to_half(numpy_helper.to_array(weights[name]), f"of {node.name}")
                graph.initializer.append(numpy_helper.from_array(values, half))
            node.input[position] = half


def _to_half(values: NDArray[np.float32], name: str) -> NDArray[np.float16]:
    """The nearest float16 values; `name` is for the message.

    Raises:
        ParityError: a value is beyond 65504, the largest float16.
    """
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    if not np.isfinite(half).all():
        raise ParityError(
            f"The weights {name} reach {np.max(np.abs(values)):.3g}; half precision ends at 65504. "
            "Export with --precision fp32."
        )
    return half
