"""Pointwise convolutions in 8 bits, everything else in single precision."""

import tempfile
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.quant_utils import add_pre_process_metadata
from tqdm import tqdm

from crbl_export.passes.canonical_form import canonical_form
from crbl_export.precision.head_matrix import store_head_matrix_as_half
from crbl_runtime.contract import INPUT_NAME

EXPERIMENTAL = "8 bits cost EfficientNet-B0 with a bilinear head much of its accuracy"


def quantize(model: onnx.ModelProto, images: NDArray[np.uint8]) -> onnx.ModelProto:
    """A copy whose pointwise convolutions read 8-bit inputs and weights (per channel); head and all else as before.

    Args:
        images: uint8 [N, size, size, 3], prepared pictures; the smallest and largest inputs they cause are the ranges.

    Only the pointwise convolutions: quantising the depthwise ones, the stem, squeeze-and-excite and every output too
    doubled the root mean square of the logit errors (202 solar cells, weights of genuine Keras: 0.15 and 0.075).
    """
    source = _with_own_biases(store_head_matrix_as_half(model))
    add_pre_process_metadata(source)  # else the quantizer warns that the graph was not simplified, which it was
    quantized = {node.name for node in _pointwise(source.graph)}
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "quantized.onnx"
        quantize_static(
            source,
            target,
            _Pictures(images),
            quant_format=QuantFormat.QDQ,
            calibrate_method=CalibrationMethod.MinMax,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=[node.name for node in source.graph.node if node.name not in quantized],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"OpTypesToExcludeOutputQuantization": ["Conv"]},
        )
        return canonical_form(onnx.load(target))


class _Pictures(CalibrationDataReader):
    def __init__(self, images: NDArray[np.uint8]) -> None:
        self._images = iter(tqdm(images, desc="Calibrating", unit="", leave=False, disable=None))

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        image = next(self._images, None)
        return None if image is None else {INPUT_NAME: image[np.newaxis]}


def _pointwise(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The 1x1 convolutions over pictures; those of squeeze-and-excite, which see a mean of one pixel, are none."""
    kernels = {tensor.name: tensor.dims for tensor in graph.initializer}
    means: set[str] = set()
    pointwise: list[onnx.NodeProto] = []
    for node in graph.node:
        computed = [name for name in node.input if name and name not in kernels]
        if node.op_type == "ReduceMean" or (computed and means.issuperset(computed)):
            means.update(node.output)
        elif node.op_type == "Conv" and list(kernels[node.input[1]][2:]) == [1, 1]:
            pointwise.append(node)
    return pointwise


def _with_own_biases(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in which every convolution has a bias of its own.

    Cause: convolutions with equal biases share one tensor. The quantizer, whose scale for a bias depends on the
    convolution, makes copies and names them by appending a number, which hits the names of other values.
    """
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Conv" and len(node.input) > 2:
            own = graph.initializer.add()
            own.CopyFrom(weights[node.input[2]])
            own.name = f"{node.name}_bias"
            node.input[2] = own.name
    used = {name for node in graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)
    return changed
