"""A small model file with the contract of a real one, of operators that DirectML runs on a GPU computed in software.

Two convolutions and a heatmap whose sum is the logit. No two tensors of one shape are added or multiplied: the
Direct3D of Wine cannot compile that.
"""

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from crbl_runtime.contract import METADATA_KEY, ModelContract, SelfTest
from crbl_runtime.golden_image import golden_image_sha256
from crbl_runtime.payload import with_payload_sha256
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_runtime.self_test import self_test_images

IMAGE_SIZE = 64
CELLS = 8
SPEC = PreprocessingSpec(image_size=IMAGE_SIZE, region="whole")


def small_model(precision: str, error: float = 0.0) -> bytes:
    """A file's content.

    Args:
        precision: "fp32", or "fp16" for weights that are stored in half and computed with in float32.
        error: by how much the logits of its self-test are wrong.
    """
    model = _model(precision)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logit"], {"image": self_test_images(IMAGE_SIZE)})
    contract = ModelContract(
        variant="full",
        threshold=0.5,
        threshold_source="chosen for tests",
        labels=("normal", "anomaly"),
        preprocessing=SPEC,
        precision=precision,
        training={},
        export={},
        parity=None,
        self_test=SelfTest(tuple(float(logit) + error for logit in logits), 1e-3),
        golden_image=golden_image_sha256(SPEC),
    )
    helper.set_model_props(model, {METADATA_KEY: contract.to_json()})
    return with_payload_sha256(model.SerializeToString(deterministic=True))


def _model(precision: str) -> onnx.ModelProto:
    random = np.random.default_rng(13)
    weights = {
        "first": random.normal(size=(16, 3, 3, 3)) / 255,
        "first_bias": random.normal(size=16),
        "second": random.normal(size=(32, 16, 3, 3)) / 4,
        "last": random.normal(size=(1, 32, 1, 1)) / CELLS**2,
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["values"], ["planes"], perm=[0, 3, 1, 2]),
        _convolution(["planes", "first", "first_bias"], "half_size", stride=4),
        helper.make_node("Sigmoid", ["half_size"], ["edges"]),
        _convolution(["edges", "second"], "quarter_size", stride=2),
        helper.make_node("Sigmoid", ["quarter_size"], ["features"]),
        helper.make_node("Conv", ["features", "last"], ["cells"], kernel_shape=[1, 1]),
        helper.make_node("Squeeze", ["cells", "channel_axis"], ["heatmap"]),
        helper.make_node("ReduceSum", ["heatmap", "cell_axes"], ["logit"], keepdims=0),
        helper.make_node("Sigmoid", ["logit"], ["probability"]),
    ]
    axes = {"channel_axis": [1], "cell_axes": [1, 2]}
    initializers = [numpy_helper.from_array(np.array(values, np.int64), name) for name, values in axes.items()]
    for name, values in weights.items():
        tensor, casts = _stored(name, values.astype(np.float16), precision)
        initializers.append(tensor)
        nodes = [*casts, *nodes]
    outputs = {"probability": ["batch"], "logit": ["batch"], "heatmap": ["batch", CELLS, CELLS]}
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", IMAGE_SIZE, IMAGE_SIZE, 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def _convolution(inputs: list[str], output: str, stride: int) -> onnx.NodeProto:
    return helper.make_node("Conv", inputs, [output], kernel_shape=[3, 3], strides=[stride, stride], pads=[1, 1, 1, 1])


def _stored(name: str, values: NDArray[np.float16], precision: str) -> tuple[onnx.TensorProto, list[onnx.NodeProto]]:
    """The same values in float32, or in float16 with the Cast that an export puts behind them."""
    if precision == "fp32":
        return numpy_helper.from_array(values.astype(np.float32), name), []
    half = f"{name}_half"
    return numpy_helper.from_array(values, half), [helper.make_node("Cast", [half], [name], to=TensorProto.FLOAT)]
