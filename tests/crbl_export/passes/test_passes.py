"""Each pass changes the form of a graph and not what it computes."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from crbl_export.copied import copied
from crbl_export.passes.canonical_form import canonical_form
from crbl_export.passes.drop_zero_bias import drop_zero_bias
from crbl_export.passes.fold_padding import fold_padding
from crbl_export.passes.leave_out_defaults import leave_out_defaults
from crbl_export.passes.order_nodes import order_nodes
from crbl_export.passes.reduce_rows_first import reduce_rows_first
from crbl_export.passes.reshape_without_allowzero import reshape_without_allowzero

IMAGE = np.random.default_rng(0).standard_normal((2, 3, 9, 8)).astype(np.float32)


def padded_convolution(amounts: list[int], value: float = 0.0, mode: str = "constant") -> onnx.ModelProto:
    weights = np.random.default_rng(1).standard_normal((4, 3, 3, 3)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Pad", ["image", "amounts", "value"], ["padded"], mode=mode),
            helper.make_node("Conv", ["padded", "weights"], ["out"], strides=[2, 2], pads=[1, 0, 1, 0], doc_string="x"),
        ],
        "a graph",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [2, 3, 9, 8])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(np.array(amounts, np.int64), "amounts"),
            numpy_helper.from_array(np.array(value, np.float32), "value"),
            numpy_helper.from_array(weights, "weights"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def run(model: onnx.ModelProto) -> np.ndarray:
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"image": IMAGE})[0]


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def test_a_zero_pad_becomes_part_of_the_convolution() -> None:
    model = padded_convolution([0, 0, 0, 1, 0, 0, 2, 1])
    folded = fold_padding(model)
    assert operators(folded) == ["Conv"]
    assert operators(model) == ["Pad", "Conv"], "the given model must stay as it was"
    assert np.array_equal(run(folded), run(model))


@pytest.mark.parametrize(
    ("amounts", "value", "mode"),
    [
        ([0, 0, 0, 0, 0, 0, 1, 1], 1.0, "constant"),
        ([0, 0, 0, 0, 0, 0, 1, 1], 0.0, "edge"),
        ([0, 0, 0, 0, 0, 0, -1, 0], 0.0, "constant"),
    ],
)
def test_other_pads_stay(amounts: list[int], value: float, mode: str) -> None:
    model = padded_convolution(amounts, value, mode)
    assert operators(fold_padding(model)) == ["Pad", "Conv"]


def reshaped(target: list[int]) -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("Reshape", ["image", "target"], ["out"], allowzero=1)],
        "a graph",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [2, 3, 9, 8])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.array(target, np.int64), "target")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_allowzero_goes_where_it_means_nothing() -> None:
    model = reshaped([-1, 27, 8])
    changed = reshape_without_allowzero(model)
    assert len(changed.graph.node[0].attribute) == 0
    assert np.array_equal(run(changed), run(model))


def test_allowzero_stays_where_the_target_has_a_zero() -> None:
    changed = reshape_without_allowzero(reshaped([0, 27, 8]))
    assert changed.graph.node[0].attribute[0].i == 1


def test_names_and_notes_of_the_exporter_make_no_difference() -> None:
    model = padded_convolution([0, 0, 0, 1, 0, 0, 2, 1])
    other = copied(model)
    other.producer_name, other.graph.name = "another exporter", "another name"
    for node in other.graph.node:
        node.name = f"/home/somebody/{node.op_type}"
        node.input[:] = [f"x_{name}" if name not in ("image", "out") else name for name in node.input]
        node.output[:] = [f"x_{name}" if name not in ("image", "out") else name for name in node.output]
    for tensor in other.graph.initializer:
        tensor.name = f"x_{tensor.name}"
    other.graph.initializer.sort(key=lambda tensor: tensor.name, reverse=True)
    first, second = canonical_form(model), canonical_form(other)
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)
    assert b"somebody" not in second.SerializeToString()
    assert np.array_equal(run(first), run(model))


def summed(axes: list[int], keepdims: int = 0) -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("ReduceSum", ["image", "axes"], ["out"], keepdims=keepdims)],
        "a graph",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", "rows", "columns"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.array(axes, np.int64), "axes")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_a_sum_of_a_large_matrix_loses_nothing_in_two_steps() -> None:
    matrix = np.random.default_rng(0).random((1, 1280, 1280), dtype=np.float32)
    exact = matrix.astype(np.float64).sum((1, 2))
    changed = reduce_rows_first(summed([1, 2]))
    assert operators(changed) == ["ReduceSum", "ReduceSum"]
    result = onnxruntime.InferenceSession(changed.SerializeToString()).run(None, {"image": matrix})[0]
    assert np.max(np.abs(result / exact - 1)) < 2e-6


@pytest.mark.parametrize("axes", [[1, 2], [-1, -2], [2, -2]])
def test_axes_may_be_counted_from_the_back(axes: list[int]) -> None:
    assert operators(reduce_rows_first(summed(axes))) == ["ReduceSum", "ReduceSum"]


@pytest.mark.parametrize(("axes", "keepdims"), [([1], 0), ([0, 1], 0), ([1, 2], 1)])
def test_other_sums_stay(axes: list[int], keepdims: int) -> None:
    assert len(operators(reduce_rows_first(summed(axes, keepdims)))) == 1


@pytest.mark.parametrize("axes", [[1, 2], [-1, -2], [-2, -3]])
def test_sums_of_tensors_with_four_axes_stay(axes: list[int]) -> None:
    weights = {"axes": np.array(axes, np.int64)}
    model = graph_of([helper.make_node("ReduceSum", ["image", "axes"], ["out"], keepdims=0)], weights)
    changed = reduce_rows_first(model)
    assert len(operators(changed)) == 1
    assert np.array_equal(run(changed), run(model))


def graph_of(
    nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray] | None = None, outputs: tuple[str, ...] = ("out",)
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "a graph",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [2, 3, 9, 8])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(values, name) for name, values in (weights or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_what_is_the_default_anyway_is_left_out() -> None:
    weights = np.random.default_rng(1).standard_normal((3, 3, 3, 3)).astype(np.float32)
    model = graph_of(
        [
            helper.make_node(
                "Conv", ["image", "weights"], ["between"], auto_pad="NOTSET", group=1, strides=[1, 1], pads=[1] * 4
            ),
            helper.make_node("Clip", ["between", "", "high"], ["below"]),
            helper.make_node("Clip", ["below", "low", ""], ["out"]),
        ],
        {"weights": weights, "high": np.array(0.5, np.float32), "low": np.array(0.1, np.float32)},
    )
    changed = leave_out_defaults(model)
    convolution, below, above = changed.graph.node
    # Without strides and pads a Conv takes others, which depend on its rank.
    assert {attribute.name for attribute in convolution.attribute} == {"strides", "pads"}
    assert (list(below.input), list(above.input)) == (["between", "", "high"], ["below", "low"])
    assert np.array_equal(run(changed), run(model))


@pytest.mark.parametrize(("last", "inputs"), [(0.0, 2), (1e-30, 3)])
def test_only_a_bias_of_zeros_is_dropped(last: float, inputs: int) -> None:
    weights = {"weights": np.ones((2, 3, 3, 3), np.float32), "bias": np.array([0.0, last], np.float32)}
    model = graph_of([helper.make_node("Conv", ["image", "weights", "bias"], ["out"])], weights)
    changed = drop_zero_bias(model)
    assert len(changed.graph.node[0].input) == inputs
    assert np.array_equal(run(changed), run(model))


def test_nodes_come_in_the_order_of_need() -> None:
    nodes = [
        helper.make_node("Abs", ["image"], ["absolute"]),
        helper.make_node("Neg", ["image"], ["negative"]),
        helper.make_node("Exp", ["image"], ["unused"]),
        helper.make_node("Add", ["negative", "absolute"], ["out"]),
        helper.make_node("Sqrt", ["absolute"], ["root"]),
    ]
    model = graph_of(nodes, outputs=("out", "root"))
    ordered = order_nodes(model)
    assert operators(ordered) == ["Neg", "Abs", "Add", "Sqrt"]
    assert order_nodes(graph_of([nodes[0], nodes[4], *nodes[1:4]], outputs=("out", "root"))) == ordered
    assert np.array_equal(run(ordered), run(model))
