"""The shape of every value in a graph, held against ONNX's own shape inference; and graphs that ask for too much."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper, shape_inference

from crbl_runtime.model_shapes import BATCHES, LARGEST_VALUE, RULES, ShapeError, check_shapes, value_shapes
from crbl_runtime.onnx_messages import MODEL
from crbl_runtime.protobuf_wire import Reader, Values
from public_commands import Trained
from small_model import small_model

SIZE = 8


def read(model: onnx.ModelProto) -> Values:
    """The graph as the runtime reads it."""
    graph: Values = Reader(10**6).read(memoryview(model.SerializeToString()), MODEL)["graph"][0]
    return graph


def with_nodes(*nodes: onnx.NodeProto, opset: int = 18, **constants: Any) -> onnx.ModelProto:
    """A model of images of 8 x 8 pixels whose nodes begin with their planes, `planes`: [batch, 3, 8, 8]."""
    first = [
        helper.make_node("Cast", ["image"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["values"], ["planes"], perm=[0, 3, 1, 2]),
    ]
    graph = helper.make_graph(
        [*first, *nodes],
        "graph",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def inferred(model: onnx.ModelProto, batch: int) -> dict[str, tuple[int, ...]]:
    """What ONNX says; only the values all of whose axes it knows."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for value in (*fixed.graph.input, *fixed.graph.output):
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param == "batch":
                axis.dim_value = batch
    graph = shape_inference.infer_shapes(fixed, check_type=True, strict_mode=True, data_prop=True).graph
    shapes = {}
    for value in (*graph.value_info, *graph.output):
        axes = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(axis.HasField("dim_value") for axis in axes):
            shapes[value.name] = tuple(axis.dim_value for axis in axes)
    return shapes


def whole(*numbers: int) -> NDArray[np.int64]:
    """What ONNX takes for axes and sizes, whatever this platform's integers are."""
    return np.array(numbers, np.int64)


def node(operator: str, *inputs: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, inputs, ["out"], **attributes)


WEIGHTS = {"w": np.zeros((4, 3, 3, 3), np.float32), "grouped": np.zeros((6, 1, 5, 3), np.float32)}
CASES: list[tuple[onnx.NodeProto, dict[str, Any]]] = [
    (node("Abs", "planes"), {}),
    (node("Sqrt", "planes"), {}),
    (node("Sigmoid", "planes"), {}),
    (node("Clip", "planes", "", "low"), {"low": np.float32(0)}),
    (node("Add", "planes", "x"), {"x": np.zeros((3, 1, 1), np.float32)}),
    (node("Sub", "x", "planes"), {"x": np.zeros((5, 1, 1, 1, 1), np.float32)}),
    (node("Mul", "planes", "x"), {"x": np.zeros((), np.float32)}),
    (node("Div", "planes", "x"), {"x": np.zeros((1, 8), np.float32)}),
    (node("Max", "planes", "x", "y"), {"x": np.zeros((3, 1, 1), np.float32), "y": np.zeros((8,), np.float32)}),
    (node("MatMul", "planes", "x"), {"x": np.zeros((8, 5), np.float32)}),
    (node("MatMul", "x", "planes"), {"x": np.zeros((7, 1, 1, 2, 8), np.float32)}),
    (node("Conv", "planes", "w"), WEIGHTS),
    (node("Conv", "planes", "w", "b", strides=[2, 3]), WEIGHTS | {"b": np.zeros(4, np.float32)}),
    (node("Conv", "planes", "w", pads=[0, 1, 2, 3], dilations=[2, 1], kernel_shape=[3, 3]), WEIGHTS),
    (node("Conv", "planes", "grouped", group=3, auto_pad="NOTSET"), WEIGHTS),
    (node("Concat", "planes", "planes", "planes", axis=-1), {}),
    (node("Concat", "planes", "planes", axis=1), {}),
    (node("Pad", "planes", "pads"), {"pads": whole(0, 0, 1, 2, 0, 1, 3, 4)}),
    (node("Pad", "planes", "pads", "value", mode="constant"), {"pads": np.zeros(8, np.int64), "value": np.float32(0)}),
    (node("ReduceSum", "planes", "axes"), {"axes": whole(-1, 1)}),
    (node("ReduceSum", "planes", "axes", keepdims=0), {"axes": whole(3, 2)}),
    (node("ReduceSum", "planes", keepdims=0), {}),
    (node("ReduceSum", "planes", noop_with_empty_axes=1), {}),
    (node("ReduceMean", "planes", "axes", keepdims=1), {"axes": whole(2, 3)}),
    (node("Reshape", "planes", "to"), {"to": whole(-1, 192)}),
    (node("Reshape", "planes", "to"), {"to": whole(0, 0, -1)}),
    (node("Reshape", "planes", "to", allowzero=1), {"to": whole(-1, 3, 64)}),
    (node("Slice", "planes", "start", "end"), {"start": whole(0, 1), "end": whole(2**62, 2)}),
    (
        node("Slice", "planes", "start", "end", "axes", "steps"),
        {"start": whole(-1, 7), "end": whole(-(2**62), 2), "axes": whole(2, -1), "steps": whole(-2, -1)},
    ),
    (node("Slice", "planes", "start", "end", "axes"), {"start": whole(5), "end": whole(-1), "axes": whole(3)}),
    (node("Squeeze", "x", "axes"), {"x": np.zeros((1, 2, 1), np.float32), "axes": whole(-1)}),
    (node("Unsqueeze", "planes", "axes"), {"axes": whole(0, -1)}),
    (node("Transpose", "planes"), {}),
    (node("Transpose", "planes", perm=[3, 1, 0, 2]), {}),
    (node("Cast", "planes", to=TensorProto.FLOAT), {}),
]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_a_shape_is_what_onnx_infers(number: int) -> None:
    operation, constants = CASES[number]
    model = with_nodes(operation, **constants)
    for batch in (1, 5):
        assert value_shapes(read(model), batch)["out"] == inferred(model, batch)["out"]


def test_each_operator_is_compared_with_onnx() -> None:
    assert {operation.op_type for operation, _ in CASES} == set(RULES)


def test_axes_among_the_attributes_are_read_before_opset_18() -> None:
    model = with_nodes(node("ReduceMean", "planes", axes=[2, 3], keepdims=0), opset=17)
    assert value_shapes(read(model), 5)["out"] == inferred(model, 5)["out"] == (5, 3)


def test_all_shapes_of_exported_models_are_what_onnx_infers(crop: Trained, full: Trained) -> None:
    for trained in (crop, full):
        model = onnx.load(trained.model)
        expected = inferred(model, 5)
        assert len(expected) > 500
        found = value_shapes(read(model), 5)
        assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("operation", "constants"),
    [
        (node("Add", "planes", "x"), {"x": np.zeros((3, 2, 1), np.float32)}),
        (node("MatMul", "planes", "x"), {"x": np.zeros((7, 5), np.float32)}),
        (node("Conv", "planes", "w"), {"w": np.zeros((4, 2, 3, 3), np.float32)}),
        (node("Conv", "planes", "w"), {"w": np.zeros((4, 3, 9, 3), np.float32)}),
        (node("Conv", "planes", "w", "b"), WEIGHTS | {"b": np.zeros(5, np.float32)}),
        (node("Conv", "planes", "w", strides=[0, 1]), WEIGHTS),
        (node("Conv", "planes", "w", group=0), WEIGHTS),
        (node("Conv", "planes", "w", kernel_shape=[2, 2]), WEIGHTS),
        (node("Conv", "planes", "w", auto_pad="SAME_UPPER"), WEIGHTS),
        (node("Conv", "planes", "w", pads=[-1, 0, 0, 0]), WEIGHTS),
        (node("Conv", "planes"), {}),
        (node("Concat", "planes", "x", axis=0), {"x": np.zeros((1, 3, 8, 7), np.float32)}),
        (node("Concat", "planes", "planes"), {}),
        (node("Concat", "planes", axis=4), {}),
        (node("Pad", "planes", "pads"), {"pads": whole(0, 0, -1, 0, 0, 0, 0, 0)}),
        (node("Pad", "planes", "pads"), {"pads": whole(1, 1)}),
        (node("ReduceSum", "planes", "axes"), {"axes": whole(4)}),
        (node("ReduceSum", "planes", "axes"), {"axes": whole(1, -3)}),
        (node("ReduceSum", "planes", "axes"), {"axes": np.array([1], np.int32)}),
        (node("ReduceSum", "planes", "axes"), {"axes": np.int64(1)}),
        (node("ReduceSum", "planes", "planes"), {}),
        (node("Reshape", "planes", "to"), {"to": whole(-1, 7)}),
        (node("Reshape", "planes", "to"), {"to": whole(-1, -1)}),
        (node("Reshape", "planes", "to"), {"to": whole(-2, 3, 8, 8)}),
        (node("Reshape", "planes", "to"), {"to": whole(-1, 0, 0, 0, 0)}),
        (node("Reshape", "planes", "to", allowzero=1), {"to": whole(0, -1)}),
        (node("Slice", "planes", "at", "at", "at", "steps"), {"at": whole(1), "steps": whole(0)}),
        (node("Slice", "planes"), {}),
        (node("Squeeze", "planes", "axes"), {"axes": whole(1)}),
        (node("Unsqueeze", "planes", "axes"), {"axes": whole(5)}),
        (node("Unsqueeze", "planes"), {}),
        (node("Transpose", "planes", perm=[0, 1, 2, 2]), {}),
        (node("Abs"), {}),
        (node("Abs", ""), {}),
    ],
)
def test_inputs_that_do_not_fit_are_refused(operation: onnx.NodeProto, constants: dict[str, Any]) -> None:
    with pytest.raises(ShapeError, match=f"an operator {operation.op_type} whose inputs do not fit"):
        value_shapes(read(with_nodes(operation, **constants)), 1)


def chain(operator: str, length: int, *inputs: str, **attributes: Any) -> list[onnx.NodeProto]:
    """Each reads the result of the one before it wherever `inputs` has "x"."""
    nodes = [helper.make_node("Abs", ["planes"], ["x0"])]
    for number in range(length):
        read_names = [f"x{number}" if name == "x" else name for name in inputs]
        nodes.append(helper.make_node(operator, read_names, [f"x{number + 1}"], **attributes))
    return nodes


GREEDY: dict[str, tuple[Sequence[onnx.NodeProto], dict[str, Any], str]] = {
    "a column times a row": (
        [
            helper.make_node("Reshape", ["planes", "as_column"], ["column"]),
            helper.make_node("MatMul", ["column", "row"], ["out"]),
        ],
        {"as_column": whole(0, 192, 1), "row": np.zeros((1, 50_000), np.float32)},
        "too large",
    ),
    "a column plus a row": (
        [helper.make_node("Add", ["column", "row"], ["out"])],
        {"column": np.zeros((50_000, 1), np.float32), "row": np.zeros((1, 50_000), np.float32)},
        r"Add with a result of \(50000, 50000\), which is too large",
    ),
    "padding": ([node("Pad", "planes", "pads")], {"pads": whole(0, 0, 0, 0, 0, 0, 2**40, 0)}, "too large"),
    "padding around a convolution": ([node("Conv", "planes", "w", pads=[0, 0, 2**40, 0])], WEIGHTS, "too large"),
    "doubling": (chain("Concat", 60, "x", "x", axis=1), {}, "too large"),
    "more and more axes": (chain("Unsqueeze", 6, "x", "axes"), {"axes": whole(0)}, "too large"),
    "many large values": (
        [helper.make_node("Abs", ["large"], [f"x{number}"]) for number in range(100)],
        {"large": np.zeros((1, LARGEST_VALUE // 4), np.float32)},
        "values or more for one image, which is too much",
    ),
    "much work": (
        [helper.make_node("MatMul", ["square", "square"], [f"x{number}"]) for number in range(100)],
        {"square": np.zeros((512, 512), np.float32)},
        "products or more for one image, which is too much",
    ),
}


@pytest.mark.parametrize("attack", GREEDY)
def test_a_graph_that_asks_for_more_than_a_real_one_is_refused(attack: str) -> None:
    nodes, constants, message = GREEDY[attack]
    with pytest.raises(ShapeError, match=message):
        value_shapes(read(with_nodes(*nodes, **constants)), 1)


def changed_small(change: Any) -> Values:
    model = onnx.load_model_from_string(small_model("fp32"))
    change(model.graph)
    return read(model)


def replace_input(graph: onnx.GraphProto, *axes: int | str, name: str = "image") -> None:
    graph.input[0].CopyFrom(helper.make_tensor_value_info(name, TensorProto.UINT8, axes))


def without_axes(graph: onnx.GraphProto) -> None:
    next(node for node in graph.node if node.op_type == "Squeeze").input.pop()


def first_images(graph: onnx.GraphProto) -> None:
    """Of a batch of five or more images there are results of four."""
    graph.initializer.extend([numpy_helper.from_array(whole(0), "from"), numpy_helper.from_array(whole(4), "to")])
    nodes = [helper.make_node("Slice", ["logit", "from", "to"], ["probability"])]
    del graph.node[-1]
    graph.node.extend(nodes)


WRONG_GRAPHS: dict[str, tuple[Any, str]] = {
    "another input": (lambda graph: replace_input(graph, "batch", 64, 64, 3, name="picture"), "has the inputs"),
    "a fixed batch": (lambda graph: replace_input(graph, 1, 64, 64, 3), "has the inputs"),
    "a free size": (lambda graph: replace_input(graph, "batch", "h", "h", 3), "has the inputs"),
    "no square": (lambda graph: replace_input(graph, "batch", 64, 32, 3), "has the inputs"),
    "an image of terabytes": (lambda graph: replace_input(graph, "batch", 2**20, 2**20, 3), "has the inputs"),
    "two inputs": (lambda graph: graph.input.append(graph.input[0]), "has the inputs"),
    "no output": (lambda graph: graph.ClearField("output"), r"has the outputs \[\]"),
    "another output": (lambda graph: setattr(graph.output[0], "name", "values"), "expected probability, logit"),
    "an output twice": (lambda graph: graph.output.append(graph.output[0]), "has the outputs"),
    "an output that nothing gives": (lambda graph: graph.node.pop(), r"gives probability in the shape \(\)"),
    "another shape of an output": (
        lambda graph: setattr(graph.output[2].type.tensor_type.shape.dim[1], "dim_value", 7),
        r"gives heatmap in the shape \(1, 8, 8\) and declares \('batch', 7, 8\)",
    ),
    "a batch of one image alone": (without_axes, "do not fit"),
    "results of some images": (first_images, "gives probability in the shape"),
    "a value twice": (lambda graph: graph.node.append(graph.node[0]), "two values with the name 'values'"),
    "a weight twice": (lambda graph: graph.initializer.append(graph.initializer[0]), "two values with the name"),
    "a value that comes later": (
        lambda graph: graph.node.insert(0, helper.make_node("Abs", ["logit"], ["x"])),
        "reads a value 'logit' that nothing before gives",
    ),
    "two results": (lambda graph: graph.node[0].output.append("more"), "an operator Cast with 2 results"),
    "a result without a name": (lambda graph: graph.node[0].output.__setitem__(0, ""), "a value without a name"),
    "an attribute twice": (
        lambda graph: graph.node[0].attribute.append(graph.node[0].attribute[0]),
        "two attributes 'to'",
    ),
    "an attribute of two types": (lambda graph: graph.node[0].attribute[0].ints.append(1), "'to' of a type"),
    "an attribute without a type": (lambda graph: graph.node[0].attribute[0].ClearField("type"), "'to' of a type"),
    "an attribute of another type": (
        lambda graph: graph.node[2].attribute[2].CopyFrom(helper.make_attribute("strides", b"\4\4")),
        "'strides' of a type",
    ),
    "an attribute of no operator": (
        lambda graph: graph.node[0].attribute.append(helper.make_attribute("custom", 1)),
        "'custom' of a type or a name that none has",
    ),
}


@pytest.mark.parametrize("wrong", WRONG_GRAPHS)
def test_a_graph_that_is_none_of_a_crbl_model_is_refused(wrong: str) -> None:
    change, message = WRONG_GRAPHS[wrong]
    with pytest.raises(ShapeError, match=message):
        check_shapes(changed_small(change))


def test_a_model_without_a_heatmap_is_accepted() -> None:
    check_shapes(changed_small(lambda graph: graph.output.pop(2)))


def test_one_image_and_many_are_tried() -> None:
    assert BATCHES[0] == 1 < BATCHES[1]
