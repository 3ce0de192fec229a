"""The model of a trap: DirectML fuses a Gemm with the activation behind it, although its own result is an output."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from windows.operators.case import OPSETS
from windows.operators.one_node import model_of, numbers


def gemm_with_activation() -> tuple[onnx.ModelProto, dict[str, NDArray[Any]]]:
    """Two nodes, two outputs, and what to feed."""
    fed: dict[str, NDArray[Any]] = {"input_0": numbers("float", (2, 16))}
    weights = (numbers("float", (16, 8), 1) / np.float32(16)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["input_0", "weights"], ["between"]),
            helper.make_node("Sigmoid", ["between"], ["output"]),
        ],
        "gemm_with_activation",
        [helper.make_tensor_value_info("input_0", TensorProto.FLOAT, (2, 16))],
        [helper.make_empty_tensor_value_info(name) for name in ("output", "between")],
        [numpy_helper.from_array(weights, "weights")],
    )
    return model_of(graph, "", OPSETS[0]), fed
