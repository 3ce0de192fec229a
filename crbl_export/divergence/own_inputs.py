"""What a node should give for the inputs that it got."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from crbl_export.divergence.difference import relative_error
from crbl_export.folded_casts import folded_casts


def error_from_own_inputs(
    model: onnx.ModelProto, node: onnx.NodeProto, values: Mapping[str, NDArray[Any]]
) -> float | None:
    """The `relative_error` of a node's first output against the same operator in float64 (onnx's reference evaluator).

    Args:
        values: what the graph's inputs and nodes gave, by value name.

    Returns:
        None where there is no answer: the operator is none of ONNX's own, or an input of the node is not at hand.
    """
    known = _constants_read_by(node, model) | {name: values[name] for name in node.input if name in values}
    if node.domain not in ("", "ai.onnx") or any(name and name not in known for name in node.input):
        return None
    feeds = {name: _as_float64(value) for name, value in known.items()}
    alone = onnx.helper.make_graph(
        [node],
        node.op_type,
        [
            onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
            for name, value in feeds.items()
        ],
        [onnx.ValueInfoProto(name=node.output[0])],
    )
    (expected,) = ReferenceEvaluator(onnx.helper.make_model(alone, opset_imports=model.opset_import)).run(
        [node.output[0]], feeds
    )
    return relative_error(values[node.output[0]], np.asarray(expected, dtype=np.float64))


def _constants_read_by(node: onnx.NodeProto, model: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    """The weights that a node reads, by the name that it reads them under; those stored in float16 as they are."""
    casts, tensors = folded_casts(model.graph), {tensor.name: tensor for tensor in model.graph.initializer}
    stored = {name: casts[name].input[0] if name in casts else name for name in node.input}
    return {name: numpy_helper.to_array(tensors[source]) for name, source in stored.items() if source in tensors}


def _as_float64(value: NDArray[Any]) -> NDArray[Any]:
    return value.astype(np.float64) if np.issubdtype(value.dtype, np.floating) else value
