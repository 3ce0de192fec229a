"""The model of a case: one node with inputs like those of the exported graphs, but small."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from windows.operators.case import OPSETS, Case

Array = NDArray[Any]
SHAPE = (1, 16, 8, 8)


@dataclass(frozen=True)
class Node:
    """A node's inputs, in this order: those that are fed, then constants; None is an input that is left out."""

    fed: tuple[Array, ...]
    constants: tuple[Array | None, ...] = ()
    attributes: dict[str, Any] = field(default_factory=dict)


def one_node_model(case: Case) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """The model and what to feed to it, the same at every call."""
    node = NODES[case.operator](case)
    domain, _, operator = case.operator.rpartition(".")
    fed = {f"input_{number}": values for number, values in enumerate(node.fed)}
    constants = {f"constant_{n}": values for n, values in enumerate(node.constants) if values is not None}
    names = [f"constant_{n}" if values is not None else "" for n, values in enumerate(node.constants)]
    graph = helper.make_graph(
        [helper.make_node(operator, [*fed, *names], ["output"], domain=domain, **node.attributes)],
        "one_node",
        [_described(name, values) for name, values in fed.items()],
        [helper.make_empty_tensor_value_info("output")],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    return model_of(graph, domain, _opset(case)), fed


def model_of(graph: onnx.GraphProto, domain: str, opset: int) -> onnx.ModelProto:
    """A model of this graph, with the outputs' types and shapes filled in where ONNX defines the operators."""
    opsets = [helper.make_opsetid("", opset), *([helper.make_opsetid(domain, 1)] if domain else [])]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    if domain:
        model.graph.output[0].CopyFrom(model.graph.input[0])
        model.graph.output[0].name = "output"
        return model
    return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)


def numbers(element: str, shape: tuple[int, ...] = SHAPE, seed: int = 0) -> Array:
    """Neither zero nor far from it, of both signs where the type has them."""
    random = np.random.default_rng([seed, *shape])
    kind = helper.tensor_dtype_to_np_dtype(getattr(onnx.TensorProto, element.upper()))
    if element == "bool":
        return np.asarray(random.integers(0, 2, shape), kind)
    if element in ("float", "float16", "double"):
        return np.asarray(random.choice([-1.0, 1.0], shape) * random.uniform(0.5, 2.5, shape), kind)
    signs = 1 if element.startswith("u") else random.choice([-1, 1], shape)
    return np.asarray(random.integers(1, 7, shape) * signs, kind)


def _described(name: str, values: Array) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(values.dtype), values.shape)


def _opset(case: Case) -> int:
    """The lowest that selects this version of the definition, of those that model files may have if there is one."""
    if "." in case.operator:
        return OPSETS[0]
    for opset in (*OPSETS, case.since_version):
        if onnx.defs.get_schema(case.operator, opset, "").since_version == case.since_version:
            return opset
    raise ValueError(f"ONNX has no {case.operator} since opset {case.since_version}.")


def _integers(*values: int) -> Array:
    return np.array(values, np.int64)


def _plain(**attributes: Any) -> Callable[[Case], Node]:
    """One input, and attributes."""
    return lambda case: Node((numbers(case.element),), attributes=attributes)


def _with_constants(*constants: Array | None, **attributes: Any) -> Callable[[Case], Node]:
    """One input, constants of types of their own, and attributes."""
    return lambda case: Node((numbers(case.element),), constants, attributes)


SECOND_SHAPES = {"one shape": SHAPE, "per channel": (1, SHAPE[1], 1, 1), "scalar": ()}


def _two_inputs(case: Case) -> Node:
    return Node((numbers(case.element), numbers(case.element, SECOND_SHAPES[case.form], seed=1)))


def _power(case: Case) -> Node:
    exponents = np.full(SECOND_SHAPES[case.form], 2, numbers(case.element).dtype)
    return Node((np.abs(numbers(case.element)), exponents))


def _batch_normalization(case: Case) -> Node:
    channels = (SHAPE[1],)
    scale, bias, mean = (numbers(case.element, channels, seed) for seed in (1, 2, 3))
    return Node((numbers(case.element),), (scale, bias, mean, np.abs(numbers(case.element, channels, 4))))


def _cast(case: Case) -> Node:
    """From the type or to it. To an unsigned one nothing negative: what that gives is not defined."""
    direction, other = case.form.split()
    source, target = (other, case.element) if direction == "from" else (case.element, other)
    values = numbers(source)
    to = getattr(onnx.TensorProto, target.upper())
    return Node((np.abs(values) if target.startswith("u") else values,), attributes={"to": to})


def _clip(case: Case) -> Node:
    values = numbers(case.element)
    return Node((values,), (np.array(1, values.dtype), np.array(2, values.dtype)))


def _convolution(case: Case) -> Node:
    weights = numbers(case.element, (32, SHAPE[1], 3, 3), 1)
    bias = numbers(case.element, (32,), 2)
    return Node((numbers(case.element),), (weights, bias), {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]})


def _convolution_of_integers(case: Case) -> Node:
    weights = numbers(case.element, (32, SHAPE[1], 3, 3), 1)
    return Node((numbers(case.element),), (weights,), {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]})


def _quantized_convolution(case: Case) -> Node:
    values = numbers(case.element)
    zero, scale = np.array(1, values.dtype), np.array(0.5, np.float32)
    weights = numbers(case.element, (32, SHAPE[1], 3, 3), 1)
    constants = (scale, zero, weights, scale, zero, np.array(8, np.float32), zero)
    return Node((values,), constants, {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]})


def _quantize(case: Case) -> Node:
    zero = np.array(1, numbers(case.element).dtype)
    return Node((np.abs(numbers("float")) * np.float32(9.7),), (np.array(0.25, np.float32), zero))


def _dequantize(case: Case) -> Node:
    values = numbers(case.element)
    zero = np.array(0 if case.element == "int32" else 1, values.dtype)
    return Node((values,), (np.array(0.25, np.float32), zero))


# What each letter of an equation stands for; those that are missing stand for 2.
SIZES = {"h": 8, "i": 16, "j": 16, "w": 8}


def _einsum(case: Case) -> Node:
    """The form is the equation."""
    terms = case.form.partition("->")[0].split(",")
    shapes = [tuple(SIZES.get(letter, 2) for letter in term.replace("...", "b")) for term in terms]
    fed = tuple(numbers(case.element, shape, seed) for seed, shape in enumerate(shapes))
    return Node(fed, attributes={"equation": case.form})


def _gemm(case: Case) -> Node:
    return Node((numbers(case.element, (2, 16)),), (numbers(case.element, (16, 8), 1), numbers(case.element, (8,), 2)))


def _expand(case: Case) -> Node:
    return Node((numbers(case.element, (1, SHAPE[1], 1, 1)),), (_integers(*SHAPE),))


def _matrix_product(case: Case) -> Node:
    return Node((numbers(case.element, (1, 16, 8)), numbers(case.element, (1, 8, 12), 1)))


def _reduction(case: Case) -> Node:
    """Over rows and columns; the axes were an attribute once."""
    values = numbers(case.element)
    if case.operator != "ReduceSum" and case.since_version < 18:
        return Node((values,), attributes={"axes": [2, 3], "keepdims": 0})
    return Node((values,), (_integers(2, 3),), {"keepdims": 0})


def _reshape(case: Case) -> Node:
    attributes = {"allowzero": 1} if "allowzero=1" in case.form else {}
    return Node((numbers(case.element),), (_integers(1, 16, -1 if "-1" in case.form else 64),), attributes)


def _resize(case: Case) -> Node:
    scales = np.array([1, 1, 2, 2], np.float32)
    return Node((numbers(case.element),), (None, scales), {"mode": "nearest" if "int" in case.element else "linear"})


def _squeeze(case: Case) -> Node:
    return Node((numbers(case.element, (1, 1, 8, 8)),), (_integers(1),))


def _determinant(case: Case) -> Node:
    return Node((numbers(case.element, (2, 4, 4)),))


def _positive(case: Case) -> Node:
    return Node((np.abs(numbers(case.element)),))


NODES: dict[str, Callable[[Case], Node]] = {
    "Abs": _plain(),
    "Add": _two_inputs,
    "BatchNormalization": _batch_normalization,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": lambda case: Node((numbers(case.element), numbers(case.element, seed=1)), attributes={"axis": 1}),
    "Conv": _convolution,
    "ConvInteger": _convolution_of_integers,
    "DequantizeLinear": _dequantize,
    "Div": _two_inputs,
    "Einsum": _einsum,
    "Expand": _expand,
    "Flatten": _plain(axis=1),
    "Gather": _with_constants(_integers(3, 0, 5), axis=1),
    "Gemm": _gemm,
    "GlobalAveragePool": _plain(),
    "HardSigmoid": _plain(alpha=1 / 6, beta=0.5),
    "LpNormalization": _plain(axis=1, p=2),
    "MatMul": _matrix_product,
    "Max": _two_inputs,
    "Mul": _two_inputs,
    "Pad": _with_constants(_integers(0, 0, 1, 1, 0, 0, 1, 1), mode="constant"),
    "Pow": _power,
    "QLinearConv": _quantized_convolution,
    "QuantizeLinear": _quantize,
    "ReduceL2": _reduction,
    "ReduceMean": _reduction,
    "ReduceSum": _reduction,
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": _plain(),
    "Sigmoid": _plain(),
    "Sign": _plain(),
    "Slice": _with_constants(_integers(1, 2), _integers(7, 6), _integers(2, 3)),
    "Sqrt": _positive,
    "Squeeze": _squeeze,
    "Transpose": _plain(perm=[0, 2, 3, 1]),
    "Unsqueeze": _with_constants(_integers(1)),
    "com.microsoft.QuickGelu": _plain(alpha=1.702),
    # The table has none of these.
    "Compress": _with_constants(np.arange(SHAPE[1]) % 2 == 0, axis=1),
    "Det": _determinant,
    "Unique": _plain(),
}
