"""The shape of every value in a model's graph, so that none asks for more memory or work than a real model.

A few bytes can: a product of a column and a row, padding, one convolution over another. So the walk through the graph
computes each shape before onnxruntime does. Shapes and rules are ONNX's, https://onnx.ai/onnx/operators.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from crbl_runtime.contract import (
    BATCH_DIMENSION,
    HEATMAP_NAME,
    INPUT_NAME,
    LOGIT_NAME,
    PROBABILITY_NAME,
)
from crbl_runtime.protobuf_wire import Values, only, packed_integers

Shape = tuple[int, ...]

# Sizes of the batch that the walk is made with. One image shows what each value takes; that many show whether what is
# computed for one image is computed for each.
BATCHES = (1, 2**16 + 1)

# numpy's, onnxruntime's and DirectML's tensors have no more. Images have four.
MOST_AXES = 8
# Elements of one value, of all values together, and multiplications, each for one image. The head alone has products
# of 1280 x 1280; the backbones grow with the image: of their values there are up to 300, and 7,000 multiplications,
# for each of the image's.
LARGEST_VALUE, LARGEST_VALUE_EACH = 2**22, 16
MOST_ELEMENTS, MOST_ELEMENTS_EACH = 2**26, 1024
MOST_MULTIPLICATIONS, MOST_MULTIPLICATIONS_EACH = 2**30, 2**15

# The attributes of the operators: the field that the value is in, and ONNX's number of its type.
_ATTRIBUTES = {
    **dict.fromkeys(("allowzero", "axis", "group", "keepdims", "noop_with_empty_axes", "saturate", "to"), ("i", 2)),
    **dict.fromkeys(("auto_pad", "mode"), ("s", 3)),
    **dict.fromkeys(("axes", "dilations", "kernel_shape", "pads", "perm", "strides"), ("ints", 7)),
}

# Longer ones are no axes, sizes or amounts of padding.
_LONGEST_CONSTANT = 2 * MOST_AXES


class ShapeError(ValueError):
    """A graph whose shapes do not fit together or are too large. Its text continues "The file ..."."""


@dataclass(frozen=True)
class Node:
    """A node and what it reads.

    Attributes:
        inputs: shapes, None for one that is left out. constants: the values of those that are whole numbers.
        attributes: whole numbers, lists of them or bytes, by name.
    """

    inputs: tuple[Shape | None, ...]
    constants: tuple[list[int] | None, ...]
    attributes: dict[str, Any]

    def shape(self, number: int) -> Shape:
        """Of an input that has to be there."""
        shape = self.inputs[number] if number < len(self.inputs) else None
        if shape is None:
            raise ShapeError(f"the input {number} is missing")
        return shape

    def constant(self, number: int) -> list[int] | None:
        """The values of an input; None where it is left out."""
        if number >= len(self.inputs) or self.inputs[number] is None:
            return None
        values = self.constants[number]
        if values is None or self.inputs[number] != (len(values),):
            raise ShapeError(f"the input {number} is computed or is no list, expected a constant list of numbers")
        return values


def check_shapes(graph: Values) -> None:
    """Walk through the graph of a model.

    Args:
        graph: whose tensors were found to have the shapes that they declare.

    Raises:
        ShapeError: an input or output is not that of a CRBL model, or a value cannot be computed or is too large.
    """
    for batch in BATCHES:
        _check_outputs(graph, value_shapes(graph, batch), batch)


def value_shapes(graph: Values, batch: int) -> dict[str, Shape]:
    """The shape of each value of a graph by its name, for so many images.

    Raises:
        ShapeError: the inputs of a node do not fit, or its result is too large.
    """
    image = (batch, *_image_shape(graph))
    tensors = graph.get("initializer", [])
    shapes: dict[str, Shape] = {INPUT_NAME: image}
    for tensor in tensors:
        _add(shapes, only(tensor, "name", ""), tuple(tensor.get("dims", [])))
    constants = {tensor["name"][0]: values for tensor in tensors if (values := _whole_numbers(tensor)) is not None}
    spent = _Spent(batch, prod(image[1:]))
    for values in graph.get("node", []):
        operator, node = values["op_type"][0], _node(values, shapes, constants)
        shape = _result(operator, node)
        spent.add(operator, node, shape)
        outputs = values.get("output", [])
        if len(outputs) != 1:
            raise ShapeError(f"has an operator {operator} with {len(outputs)} results, expected one")
        _add(shapes, outputs[0], shape)
    return shapes


def _result(operator: str, node: Node) -> Shape:
    try:
        return RULES[operator](node)
    except (ShapeError, ValueError, IndexError, TypeError) as error:
        raise ShapeError(f"has an operator {operator} whose inputs do not fit: {error}") from error


class _Spent:
    """What a graph takes for one image, as far as it was walked through.

    Args:
        batch: images that the shapes are of. image: elements of one.
    """

    def __init__(self, batch: int, image: int) -> None:
        self._batch = batch
        self._image = image
        self._elements = 0
        self._multiplications = 0

    def add(self, operator: str, node: Node, shape: Shape) -> None:
        """Count a node with a result of this shape.

        Raises:
            ShapeError: it is too large, or all together take too much.
        """
        size = -(-prod(shape) // self._batch)
        if size > max(LARGEST_VALUE, LARGEST_VALUE_EACH * self._image) or len(shape) > MOST_AXES:
            raise ShapeError(f"has an operator {operator} with a result of {shown(shape)}, which is too large")
        self._elements += size
        if self._elements > MOST_ELEMENTS + MOST_ELEMENTS_EACH * self._image:
            raise ShapeError(f"computes {self._elements:,} values or more for one image, which is too much")
        self._multiplications += size * _multiplications_each(operator, node)
        if self._multiplications > MOST_MULTIPLICATIONS + MOST_MULTIPLICATIONS_EACH * self._image:
            raise ShapeError(f"needs {self._multiplications:,} products or more for one image, which is too much")


def _image_shape(graph: Values) -> Shape:
    """Of one image, in elements."""
    declared = [_declared(value) for value in graph.get("input", [])]
    if len(declared) == 1:
        name, shape = declared[0]
        if name == INPUT_NAME and len(shape) == 4 and shape[0] == BATCH_DIMENSION and shape[1] == shape[2]:
            sides = [axis for axis in shape[1:] if isinstance(axis, int)]
            if len(sides) == 3 and sides[2] == 3 and 1 <= sides[0] <= 4096:
                return tuple(sides)
    raise ShapeError(f"has the inputs {shown(declared)}, expected {INPUT_NAME} [{BATCH_DIMENSION}, size, size, 3]")


def _check_outputs(graph: Values, shapes: dict[str, Shape], batch: int) -> None:
    expected = {PROBABILITY_NAME: 1, LOGIT_NAME: 1, HEATMAP_NAME: 3}
    declared = [_declared(value) for value in graph.get("output", [])]
    names = [name for name, _ in declared]
    if sorted(names) not in (sorted(expected), sorted({PROBABILITY_NAME, LOGIT_NAME})):
        raise ShapeError(f"has the outputs {shown(names)}, expected {', '.join(expected)} or the first two of them")
    for name, axes in declared:
        shape = shapes.get(name, ())
        named = (BATCH_DIMENSION, *shape[1:])
        if len(shape) != expected[name] or shape[0] != batch or axes != named:
            raise ShapeError(
                f"gives {name} in the shape {shown(shape)} and declares {shown(axes)}, expected "
                f"{expected[name]} axes, {BATCH_DIMENSION} first"
            )


def _declared(value: Values) -> tuple[str, tuple[int | str, ...]]:
    """Name and axes of an input or output of the graph; a free axis has a name."""
    name = only(value, "name", "")
    axes: list[int | str] = []
    for kind in value.get("type", []):
        for tensor in kind.get("tensor_type", []):
            for shape in tensor.get("shape", []):
                for axis in shape.get("dim", []):
                    found = axis.get("dim_value", []) + axis.get("dim_param", [])
                    axes.append(found[0] if len(found) == 1 else "")
    return name, tuple(axes)


def _add(shapes: dict[str, Shape], name: str, shape: Shape) -> None:
    if not name:
        raise ShapeError("has a value without a name")
    if name in shapes:
        raise ShapeError(f"has two values with the name {shown(name)}, expected one")
    shapes[name] = shape


def _node(values: Values, shapes: dict[str, Shape], constants: dict[str, list[int]]) -> Node:
    names = values.get("input", [])
    for name in names:
        if name and name not in shapes:
            raise ShapeError(f"reads a value {shown(name)} that nothing before gives")
    attributes: dict[str, Any] = {}
    for attribute in values.get("attribute", []):
        name = only(attribute, "name", "")
        if name in attributes:
            raise ShapeError(f"has a node with two attributes {shown(name)}, expected one")
        attributes[name] = _attribute(name, attribute)
    return Node(
        tuple(shapes[name] if name else None for name in names),
        tuple(constants.get(name) for name in names),
        attributes,
    )


def _attribute(name: str, values: Values) -> Any:
    """The value of an attribute that has the type that its name needs, and nothing beside it."""
    field, kind = _ATTRIBUTES.get(name, ("", 0))
    if values.get("type") != [kind] or set(values) - {"name", "type", "doc_string", field}:
        raise ShapeError(f"has a node with an attribute {shown(name)} of a type or a name that none has")
    if field == "ints":
        return [_signed(value) for value in values.get("ints", [])]
    value = only(values, field, 0)
    return bytes(value) if isinstance(value, memoryview) else _signed(value)


def _whole_numbers(tensor: Values) -> list[int] | None:
    """The values of a tensor of few int64."""
    if tensor.get("data_type") != [7] or prod(tensor.get("dims", [])) > _LONGEST_CONSTANT:
        return None
    if "raw_data" in tensor:
        return [int(value) for value in np.frombuffer(tensor["raw_data"][0], "<i8")]
    return [_signed(value) for data in tensor.get("int64_data", []) for value in packed_integers(data)]


def _signed(value: int) -> int:
    """What an integer of 64 bits means that was stored without a sign."""
    return value - 2**64 if value >= 2**63 else value


def _multiplications_each(operator: str, node: Node) -> int:
    """For one element of a result."""
    if operator == "Conv":
        return prod(node.shape(1)[1:])
    return node.shape(0)[-1] if operator == "MatMul" else 1


def shown(value: object, longest: int = 100) -> str:
    """A value of a file, short and on one line whatever it holds."""
    text = ascii(value)
    return text if len(text) <= longest else f"{text[: longest - 3]}…"


def _same(node: Node) -> Shape:
    return node.shape(0)


def _broadcast(node: Node) -> Shape:
    shape = node.shape(0)
    for number in range(1, len(node.inputs)):
        shape = np.broadcast_shapes(shape, node.shape(number))
    return shape


def _matmul(node: Node) -> Shape:
    first, second = node.shape(0), node.shape(1)
    if len(first) < 2 or len(second) < 2 or first[-1] != second[-2]:
        raise ShapeError(f"{shown(first)} and {shown(second)}")
    return (*np.broadcast_shapes(first[:-2], second[:-2]), first[-2], second[-1])


def _convolution(node: Node) -> Shape:
    image, weights = node.shape(0), node.shape(1)
    kernel = weights[2:]
    group = node.attributes.get("group", 1)
    strides, dilations = node.attributes.get("strides", [1, 1]), node.attributes.get("dilations", [1, 1])
    pads = node.attributes.get("pads", [0] * 4)
    if (
        len(image) != 4
        or len(weights) != 4
        or node.attributes.get("auto_pad", b"NOTSET") != b"NOTSET"
        or tuple(node.attributes.get("kernel_shape", kernel)) != kernel
        or len(strides) != 2
        or len(dilations) != 2
        or len(pads) != 4
        or min(*strides, *dilations, *kernel, group) < 1
        or min(pads) < 0
        or image[1] != weights[1] * group
        or weights[0] % group
        or (len(node.inputs) > 2 and node.inputs[2] not in (None, weights[:1]))
    ):
        raise ShapeError(f"{shown(image)}, {shown(weights)} and {shown(node.attributes)}")
    padded = [image[2 + axis] + pads[axis] + pads[axis + 2] for axis in (0, 1)]
    sides = [(padded[axis] - dilations[axis] * (kernel[axis] - 1) - 1) // strides[axis] + 1 for axis in (0, 1)]
    if min(sides) < 1:
        raise ShapeError(f"{shown(image)} is smaller than {shown(kernel)}")
    return (image[0], weights[0], *sides)


def _concatenated(node: Node) -> Shape:
    shapes = [node.shape(number) for number in range(len(node.inputs))]
    axis = _axis(node.attributes["axis"], len(shapes[0])) if "axis" in node.attributes else None
    if axis is None or len({(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}) != 1:
        raise ShapeError(f"{shown(shapes)}")
    return (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])


def _padded(node: Node) -> Shape:
    shape, pads = node.shape(0), node.constant(1)
    if pads is None or len(pads) != 2 * len(shape) or min(pads, default=0) < 0 or len(node.inputs) > 3:
        raise ShapeError(f"{shown(shape)} and {shown(pads)}")
    return tuple(size + before + after for size, before, after in zip(shape, pads, pads[len(shape) :], strict=False))


def _reduced(node: Node) -> Shape:
    shape = node.shape(0)
    axes = node.attributes["axes"] if "axes" in node.attributes else node.constant(1)
    if not axes:
        if node.attributes.get("noop_with_empty_axes"):
            return shape
        axes = list(range(len(shape)))
    gone = _axes(axes, len(shape))
    if node.attributes.get("keepdims", 1):
        return tuple(1 if axis in gone else size for axis, size in enumerate(shape))
    return tuple(size for axis, size in enumerate(shape) if axis not in gone)


def _reshaped(node: Node) -> Shape:
    shape, target = node.shape(0), node.constant(1)
    if target is None or sum(size == -1 for size in target) > 1 or min(target, default=0) < -1:
        raise ShapeError(f"{shown(shape)} to {shown(target)}")
    if not node.attributes.get("allowzero"):
        target = [shape[axis] if size == 0 else size for axis, size in enumerate(target)]
    known = prod(size for size in target if size != -1)
    rest = prod(shape) // known if known else 0
    found = tuple(rest if size == -1 else size for size in target)
    if prod(found) != prod(shape):
        raise ShapeError(f"{shown(shape)} to {shown(target)}")
    return found


def _sliced(node: Node) -> Shape:
    shape, starts, ends = node.shape(0), node.constant(1), node.constant(2)
    if starts is None or ends is None:
        raise ShapeError("no bounds")
    axes = _axes(node.constant(3) or list(range(len(starts))), len(shape))
    steps = node.constant(4) or [1] * len(starts)
    sizes = list(shape)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        sizes[axis] = len(range(*slice(start, end, step).indices(shape[axis])))
    return tuple(sizes)


def _squeezed(node: Node) -> Shape:
    shape, axes = node.shape(0), node.constant(1)
    gone = _axes(axes, len(shape)) if axes is not None else [axis for axis, size in enumerate(shape) if size == 1]
    if any(shape[axis] != 1 for axis in gone):
        raise ShapeError(f"{shown(shape)} without {shown(axes)}")
    return tuple(size for axis, size in enumerate(shape) if axis not in gone)


def _unsqueezed(node: Node) -> Shape:
    shape, axes = node.shape(0), node.constant(1)
    if axes is None or len(axes) > MOST_AXES:
        raise ShapeError("no axes")
    new = _axes(axes, len(shape) + len(axes))
    sizes = iter(shape)
    return tuple(1 if axis in new else next(sizes) for axis in range(len(shape) + len(axes)))


def _transposed(node: Node) -> Shape:
    shape = node.shape(0)
    order = node.attributes.get("perm", list(reversed(range(len(shape)))))
    if sorted(order) != list(range(len(shape))):
        raise ShapeError(f"{shown(shape)} in the order {shown(order)}")
    return tuple(shape[axis] for axis in order)


def _axes(axes: Sequence[int], rank: int) -> list[int]:
    """From 0, each once."""
    found = [_axis(axis, rank) for axis in axes]
    if len(set(found)) != len(found):
        raise ShapeError(f"the axes {shown(axes)}")
    return found


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise ShapeError(f"the axis {axis} of {rank}")
    return axis % rank


# All that crbl-export can leave in a graph. Those without a remark are in every file.
RULES: dict[str, Callable[[Node], Shape]] = {
    "Abs": _same,
    "Add": _broadcast,
    "Cast": _same,
    "Clip": _same,
    "Concat": _concatenated,  # BGR: the channels in another order.
    "Conv": _convolution,
    "Div": _broadcast,
    "MatMul": _matmul,
    "Max": _broadcast,  # What dynamo has written for Clip.
    "Mul": _broadcast,
    "Pad": _padded,  # Where it could not be merged into the convolution behind it.
    "ReduceMean": _reduced,
    "ReduceSum": _reduced,
    "Reshape": _reshaped,
    "Sigmoid": _same,
    "Slice": _sliced,  # BGR.
    "Sqrt": _same,
    "Squeeze": _squeezed,  # The other way to write some Reshapes.
    "Sub": _broadcast,
    "Transpose": _transposed,
    "Unsqueeze": _unsqueezed,  # The heatmap.
}
