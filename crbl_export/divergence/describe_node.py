"""How a divergent node differs from PyTorch."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from crbl_export.divergence.difference import differences, relative_error
from crbl_export.divergence.pytorch_values import CONVOLUTION, PyTorchValue
from crbl_export.divergence.recognise import ComparedValue, largest_error, right_values_read_by
from crbl_export.parity.report import DivergentNode

WRONG_KERNEL = "what it gives does not follow from what it reads: the execution provider computes it wrongly"
WRONG_CHECKPOINT = "PyTorch's own value is not finite: the checkpoint is wrong"
NOT_PYTORCH_S = "it computes what it is told to, but its weights, its attributes or what it reads are not PyTorch's"
CAUSES = (WRONG_KERNEL, WRONG_CHECKPOINT, NOT_PYTORCH_S)
"""report_pages/src/parity/texts.ts has them in Korean, too."""


def describe_node(
    name: str,
    compared: dict[str, ComparedValue],
    given: Mapping[str, NDArray[Any]],
    reference: Sequence[PyTorchValue],
    is_wrong_kernel: bool,
) -> DivergentNode:
    """What there is to know about the node that gives the value `name`.

    Args:
        compared: all values of the file, by name. given: what they are. reference: PyTorch's values.
        is_wrong_kernel: what the node gives does not follow from what it reads.
    """
    node = compared[name].producer
    read = list(right_values_read_by(node, compared))
    values = given[name]
    counterpart = _counterpart(node, values.squeeze(), read, compared, reference)
    if counterpart is None:
        return DivergentNode(
            node.name, node.op_type, "nothing", largest_error(read), np.inf, (), np.nan, np.nan,
            f"PyTorch computes nothing of the shape {list(values.shape)}",
        )  # fmt: skip
    expected = counterpart.values.reshape(values.shape)
    position = np.unravel_index(int(np.argmax(differences(values, expected))), values.shape)
    if is_wrong_kernel:
        cause = WRONG_KERNEL
    elif not np.isfinite(expected).all() and not np.isfinite(values).all():
        cause = WRONG_CHECKPOINT
    else:
        cause = NOT_PYTORCH_S
    return DivergentNode(
        node=node.name,
        operator=node.op_type,
        pytorch=f"{counterpart.module or 'head'} ({counterpart.operator})",
        error_before=largest_error(read),
        error_after=relative_error(values, expected),
        position=tuple(int(index) for index in position),
        value_onnx=float(values[position]),
        value_reference=float(expected[position]),
        cause=cause,
    )


def _counterpart(
    node: onnx.NodeProto,
    values: NDArray[Any],
    read: Sequence[ComparedValue],
    compared: dict[str, ComparedValue],
    reference: Sequence[PyTorchValue],
) -> PyTorchValue | None:
    """What PyTorch has in the place of a node's value: that of its shape which comes nearer to it of the first that
    PyTorch computes after what the node reads and the file does not have, and what the node reads itself (PyTorch does
    nothing here).
    """
    recognised = {comparison.nearest for comparison in compared.values() if comparison.is_right}
    numbers = {comparison.nearest for comparison in read if comparison.nearest is not None}
    alike = [number for number, value in enumerate(reference) if value.values.shape == values.shape]
    later = [
        number
        for number in alike
        if number > max(numbers, default=-1)
        and number not in recognised
        and (node.op_type == "Conv") <= (reference[number].operator == CONVOLUTION)
    ]
    candidates = [*(numbers & set(alike)), *later[:1]] or alike
    return min(
        (reference[number] for number in candidates),
        key=lambda value: relative_error(values, value.values),
        default=None,
    )
