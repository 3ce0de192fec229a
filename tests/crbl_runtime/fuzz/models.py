"""Model files that are nearly right, with the hash that belongs to them, so that the checks behind it are reached."""

import os
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import onnx
from changed_bytes import INTERESTING, changed_bytes
from onnx import TensorProto, helper, numpy_helper

from crbl_runtime import Detector
from crbl_runtime.payload import with_payload_sha256
from small_model import IMAGE_SIZE, small_model

HASH_FIELD = b'"payload_sha256": "'
IMAGE = np.random.default_rng(0).integers(0, 256, (IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
# Those of a model file, and some that none may have.
OPERATORS = (
    *("Abs", "Add", "Cast", "Clip", "Concat", "Conv", "Div", "MatMul", "Max", "Mul", "Pad", "ReduceMean", "ReduceSum"),
    *("Reshape", "Sigmoid", "Slice", "Sqrt", "Squeeze", "Sub", "Transpose", "Unsqueeze", "Identity", "Expand", "Loop"),
)


@cache
def right_model() -> bytes:
    return small_model("fp32")


def run_case(number: int) -> None:
    """Open one model file and predict with it.

    Raises:
        CRBLError: it was refused.
    """
    random = np.random.default_rng([number, 2])
    content = right_model()
    if random.integers(4) == 0:
        content = changed_bytes(content, [content], random)
    else:
        model = onnx.load_model_from_string(content)
        for _ in range(random.integers(1, 4)):
            _change(model, random)
        content = model.SerializeToString()
    open_and_predict(with_right_hash(content), random)


def with_right_hash(content: bytes) -> bytes:
    """The content with its own hash where it carries one hash."""
    return with_payload_sha256(content) if content.count(HASH_FIELD) == 1 else content


def open_and_predict(content: bytes, random: np.random.Generator) -> None:
    """Use a model file as a program does.

    Raises:
        CRBLError: it was refused.
    """
    descriptor, name = tempfile.mkstemp(suffix=".onnx")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        # The self-test would end most cases.
        with Detector(Path(name), "cpu", threads=1, cpu_self_test=bool(random.integers(2))) as detector:
            detector.predict(IMAGE)
    finally:
        Path(name).unlink()


def _change(model: onnx.ModelProto, random: np.random.Generator) -> None:
    graph = model.graph
    nodes, weights = list(graph.node), list(graph.initializer)
    changes = [_change_operator, _change_wiring, _change_attribute] * bool(nodes) + [_change_weight] * bool(weights)
    match int(random.integers(8)):
        case 0:
            model.opset_import[0].version = int(random.integers(16, 23))
            return
        case 1:
            _change_value(model, random)
            return
        case 2 if nodes:
            node = nodes[int(random.integers(len(nodes)))]
            if random.integers(2):
                graph.node.remove(node)
            else:
                graph.node.insert(int(random.integers(len(nodes))), node)
            return
    if changes:
        changes[int(random.integers(len(changes)))](model, random)


def _names(model: onnx.ModelProto) -> list[str]:
    graph = model.graph
    made = [name for node in graph.node for name in node.output]
    return [
        *made,
        *(value.name for value in graph.input),
        *(tensor.name for tensor in graph.initializer),
        "",
        "nothing",
    ]


def _node(model: onnx.ModelProto, random: np.random.Generator) -> onnx.NodeProto:
    return model.graph.node[int(random.integers(len(model.graph.node)))]


def _change_operator(model: onnx.ModelProto, random: np.random.Generator) -> None:
    node = _node(model, random)
    node.op_type = OPERATORS[int(random.integers(len(OPERATORS)))]
    if random.integers(2):
        del node.attribute[:]


def _change_wiring(model: onnx.ModelProto, random: np.random.Generator) -> None:
    node, names = _node(model, random), _names(model)
    name = names[int(random.integers(len(names)))]
    wires = node.output if random.integers(4) == 0 else node.input
    if len(wires) and random.integers(3):
        wires[int(random.integers(len(wires)))] = name
    else:
        wires.append(name)


def _change_attribute(model: onnx.ModelProto, random: np.random.Generator) -> None:
    with_attributes = [node for node in model.graph.node if node.attribute]
    if not with_attributes:
        return
    node = with_attributes[int(random.integers(len(with_attributes)))]
    attribute = node.attribute[int(random.integers(len(node.attribute)))]
    value = _integer(random)
    if attribute.type == onnx.AttributeProto.INT:
        attribute.i = value
    elif len(attribute.ints) and random.integers(4):
        attribute.ints[int(random.integers(len(attribute.ints)))] = value
    elif len(attribute.ints):
        attribute.ints.append(value)
    if random.integers(8) == 0:
        node.attribute.append(helper.make_attribute(str(random.choice(["axis", "group", "pads", "to"])), value))


def _change_weight(model: onnx.ModelProto, random: np.random.Generator) -> None:
    """Another shape, type or values; often such that the data still have the length that the shape needs."""
    tensor = model.graph.initializer[int(random.integers(len(model.graph.initializer)))]
    try:
        values = numpy_helper.to_array(tensor).copy()
    except (ValueError, TypeError, KeyError):  # It was changed before.
        return
    match int(random.integers(6)):
        case 0:
            tensor.dims.append(_integer(random))
        case 1:
            tensor.data_type = int(random.integers(0, 18))
        case 2 if values.size:
            values.reshape(-1)[int(random.integers(values.size))] = _integer(random)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
        case 3 if tensor.data_type == TensorProto.FLOAT:
            values[...] = random.choice([np.nan, np.inf, 1e38, -1e38, 0, 1e-45])
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
        case 4:
            shape = [int(random.choice([0, 1, 2, 16, 32, 1024])) for _ in range(random.integers(0, 5))]
            if np.prod(shape) <= 2**20:
                tensor.CopyFrom(numpy_helper.from_array(np.ones(shape, values.dtype), tensor.name))
        case _:
            shape = random.permutation(values.shape).tolist()
            tensor.CopyFrom(numpy_helper.from_array(values.reshape(shape), tensor.name))


def _change_value(model: onnx.ModelProto, random: np.random.Generator) -> None:
    """Another declaration of an input or output."""
    values = [*model.graph.input, *model.graph.output]
    value = values[int(random.integers(len(values)))]
    tensor = value.type.tensor_type
    match int(random.integers(5)):
        case 0:
            tensor.elem_type = int(random.integers(0, 18))
        case 1 if len(tensor.shape.dim):
            tensor.shape.dim[int(random.integers(len(tensor.shape.dim)))].dim_value = _integer(random)
        case 2 if len(tensor.shape.dim):
            tensor.shape.dim[int(random.integers(len(tensor.shape.dim)))].dim_param = str(random.choice(["batch", "n"]))
        case 3:
            tensor.shape.dim.add(dim_value=_integer(random))
        case _:
            value.name = str(random.choice(_names(model)))


def _integer(random: np.random.Generator) -> int:
    """A small or a strange one, of 64 bits with a sign."""
    value = int(random.integers(-4, 70)) if random.integers(2) else INTERESTING[int(random.integers(len(INTERESTING)))]
    return value if value < 2**63 else value - 2**64
