"""A graph whose weights are stored in float16."""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from crbl_export.copied import copied
from crbl_export.passes.canonical_form import canonical_form
from crbl_export.precision.rounded import SMALLEST_IN_HALF
from crbl_runtime.errors import ParityError


def stored_in_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy that stores each float32 tensor of 64 values or more as float16, with a Cast to float32 behind it.

    What is computed stays the same, to the bit: only values that float16 has are stored so. onnxruntime computes the
    Casts once, when it loads the file, and then runs the float32 graph on every provider.

    Args:
        model: the graph of a network that `rounded_to_half` gave, after all passes.

    Raises:
        ParityError: a tensor holds a value that float16 does not have.
    """
    changed = copied(model)
    casts: list[onnx.NodeProto] = []
    for tensor in changed.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < SMALLEST_IN_HALF:
            continue
        name, half_name = tensor.name, f"{tensor.name}_half"
        tensor.CopyFrom(numpy_helper.from_array(_without_loss(numpy_helper.to_array(tensor), name), half_name))
        casts.append(helper.make_node("Cast", [half_name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *changed.graph.node]
    del changed.graph.node[:]
    changed.graph.node.extend(nodes)
    return canonical_form(changed)


def _without_loss(values: NDArray[np.float32], name: str) -> NDArray[np.float16]:
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    if half.astype(np.float32).tobytes() != values.tobytes():
        raise ParityError(
            f"The tensor {name} {list(values.shape)} of the graph does not hold the rounded weights of the PyTorch "
            "model: an exporter or a pass changed them. Nothing was written. Export with --precision fp32, and please "
            "report it with the versions of torch, onnx and onnxsim."
        )
    return half
