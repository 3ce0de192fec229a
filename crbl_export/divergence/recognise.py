"""Which values of a model file are values of PyTorch.

Names and order of a graph's nodes are the exporter's, so a value of the file is not looked up but recognised: it is
right if PyTorch has a value of its shape and, but for rounding, its content.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from crbl_export.divergence.difference import differences, share_of
from crbl_export.divergence.pytorch_values import PyTorchValue
from crbl_export.parity.limits import ROUNDING_FACTOR

# A value that float32 hardly determines would excuse any error.
LARGEST_ROUNDING = 1e-2
SAMPLE = 256


@dataclass(frozen=True)
class ComparedValue:
    """A value of the file, and the value of PyTorch that it was recognised as or comes nearest to.

    Attributes:
        producer: the node that gives it. nearest: the PyTorch value's number, None where none has its shape.
        error: relative to that; 0 for whole numbers, which are not compared. is_right: within rounding.
    """

    producer: onnx.NodeProto
    nearest: int | None
    error: float
    is_right: bool


def compare_values(
    nodes: Sequence[onnx.NodeProto],
    given: Mapping[str, NDArray[Any]],
    reference: Sequence[PyTorchValue],
    rounding: float,
) -> dict[str, ComparedValue]:
    """Compare each value of the file with those of PyTorch.

    The error jumps where it is more than ten times the largest of these: that of the values it is made of, that of the
    same value in PyTorch's own float32, and `rounding`.

    Args:
        nodes: in the graph's order. given: what they gave, by value name. reference: PyTorch's values.
        rounding: relative, of what a node gives.

    Returns:
        by value name, in the graph's order.
    """
    of_shape: dict[tuple[int, ...], list[int]] = {}
    for number, value in enumerate(reference):
        of_shape.setdefault(value.values.shape, []).append(number)
    compared: dict[str, ComparedValue] = {}
    for node in nodes:
        for name in filter(None, node.output):
            values = given[name].squeeze()
            if is_compared(values):
                usual = max(rounding, largest_error(right_values_read_by(node, compared)))
                compared[name] = _recognise(node, values, of_shape.get(values.shape, []), reference, usual)
            else:
                compared[name] = ComparedValue(node, None, 0.0, False)
    return compared


def is_compared(values: NDArray[Any]) -> bool:
    """Whether a value can be compared: whole numbers are shapes and indices."""
    return np.issubdtype(values.dtype, np.floating)


def right_values_read_by(node: onnx.NodeProto, compared: dict[str, ComparedValue]) -> Iterator[ComparedValue]:
    """The right values that a node reads; behind one that PyTorch has nothing like, those that it is made of."""
    waiting, seen = list(node.input), set(node.input)
    while waiting:
        name = waiting.pop()
        if name not in compared:
            continue
        if compared[name].is_right:
            yield compared[name]
        elif compared[name].nearest is None:
            further = set(compared[name].producer.input) - seen
            seen |= further
            waiting += further


def largest_error(read: Iterable[ComparedValue]) -> float:
    """The largest error of the values, 0 where there are none."""
    return max((comparison.error for comparison in read), default=0.0)


def _recognise(
    node: onnx.NodeProto,
    values: NDArray[Any],
    candidates: Sequence[int],
    reference: Sequence[PyTorchValue],
    usual_error: float,
) -> ComparedValue:
    def share_of_allowed(number: int, step: int) -> tuple[float, float]:
        """The error, and the share it is of what is no jump, over each `step`-th value."""
        value = reference[number]
        difference = float(np.max(differences(values.reshape(-1)[::step], value.values.reshape(-1)[::step])))
        error = share_of(difference, value.largest)
        return error / (ROUNDING_FACTOR * min(max(usual_error, value.rounding), LARGEST_ROUNDING)), error

    # A few of the values give a lower bound, and most candidates need no more.
    step = max(values.size // SAMPLE, 1)
    bounds = sorted((share_of_allowed(number, step)[0], number) for number in candidates)
    nearest, share, error = None, np.inf, np.inf
    for bound, number in bounds:
        if nearest is not None and bound >= share:
            break
        this_share, this_error = share_of_allowed(number, 1)
        if nearest is None or this_share < share:
            nearest, share, error = number, this_share, this_error
    return ComparedValue(node, nearest, error, share <= 1)
