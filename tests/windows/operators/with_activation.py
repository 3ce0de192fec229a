"""The model of a trap: DirectML fuses a node with the activation behind it, and its own result is an output too."""

import onnx
from onnx import helper

from windows.operators.case import Case
from windows.operators.one_node import Array, model_of, one_node_model

INTO_SIGMOID = "an output, and into Sigmoid"


def with_activation(case: Case) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """The case's node, a Sigmoid behind it, the outputs of both, and what to feed."""
    model, fed = one_node_model(case)
    graph = model.graph
    graph.node.append(helper.make_node("Sigmoid", ["output"], ["activated"]))
    graph.output.append(helper.make_empty_tensor_value_info("activated"))
    return model_of(graph, "", model.opset_import[0].version), fed
