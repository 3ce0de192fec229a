"""The first node of a model file that computes something else than PyTorch."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from crbl_export.divergence.difference import differences, relative_error, share_of
from crbl_export.divergence.onnx_values import nodes_of_logit, onnx_values
from crbl_export.divergence.own_inputs import error_from_own_inputs
from crbl_export.divergence.pytorch_values import CONVOLUTION, PyTorchValue, pytorch_values
from crbl_runtime.contract import INPUT_NAME, LOGIT_NAME
from crbl_runtime.session import Provider
from crbl_training.checkpoint import Checkpoint

# The error jumps where it is more than ten times the largest of these: that of the values it is made of, that of the
# same value in PyTorch's own single precision, and the rounding of the file's precision.
ROUNDING_FACTOR = 10.0
ROUNDING = {"fp32": 1e-6, "fp16": 1e-3, "int8": 1e-2}
# A value that single precision hardly determines would excuse any error.
LARGEST_ROUNDING = 1e-2
SAMPLE = 256


@dataclass(frozen=True)
class Disagreement:
    """An image that file and checkpoint predict differently.

    Attributes:
        image: prepared, uint8 [size, size, 3]. logit_onnx, logit_pytorch: of the file, and of PyTorch in float64.
        limit: what the one may differ from the other.
    """

    image: NDArray[np.uint8]
    logit_onnx: float
    logit_pytorch: float
    limit: float

    def is_within_limit(self, logit: float) -> bool:
        """Whether that logit would be right. Never where PyTorch's is NaN or infinite."""
        return abs(logit - self.logit_pytorch) <= self.limit


@dataclass(frozen=True)
class DivergentNode:
    """Where the error jumps.

    Attributes:
        node: name in the graph. operator: ONNX's name of it.
        pytorch: the part of the PyTorch model and the operator there that it was compared with.
        error_before: the largest error among the values it reads. error_after: of the value it gives. Both are the
            largest |difference| from float64 PyTorch as a share of the largest |value| there; 0 where it reads the
            image alone, infinite where one of the two is not finite.
        position: of the largest difference, an index into the value. value_onnx, value_reference: both sides there.
        cause: what that says of the node.
    """

    node: str
    operator: str
    pytorch: str
    error_before: float
    error_after: float
    position: tuple[int, ...]
    value_onnx: float
    value_reference: float
    cause: str


@dataclass(frozen=True)
class Bisection:
    """What comparing node by node gave.

    Attributes:
        fault: the first faulty node, None where no node is.
        remark: why there is none, empty where there is one.
    """

    fault: DivergentNode | None
    remark: str


@dataclass(frozen=True)
class _Comparison:
    """A value of the file, and the value of PyTorch that it was recognised as or comes nearest to.

    Attributes:
        producer: the node that gives it. nearest: the PyTorch value's number, None where none has its shape.
        error: relative to that; 0 for whole numbers, which are not compared. right: within rounding.
    """

    producer: onnx.NodeProto
    nearest: int | None
    error: float
    right: bool


def bisect(
    model: onnx.ModelProto, checkpoint: Checkpoint, disagreement: Disagreement, *, provider: Provider, precision: str
) -> Bisection:
    """Find the first node, in the graph's order, where the error against float64 PyTorch jumps.

    Names and order of a graph's nodes are the exporter's, so a value of the file is not looked up but recognised: it
    is right if PyTorch has a value of its shape and, but for rounding, its content. A node whose value PyTorch does not
    have is no fault while all that is made of it is right, as the sums over rows that one of the passes puts in.

    Args:
        precision: of the file: "fp32", "fp16" or "int8".
    """
    image, rounding = disagreement.image, ROUNDING[precision]
    given = onnx_values(model, image, provider)
    reference = pytorch_values(checkpoint, image)
    exported = float(reference[-2].values)  # Its sigmoid comes last.
    if np.isfinite(exported) and not disagreement.is_within_limit(exported):
        return Bisection(None, f"the network that is given to the exporter has the logit {exported:.6g} itself")
    compared = _compare(nodes_of_logit(model), given, reference, rounding)
    culprit = _first_unexplained(compared, given, {value.name for value in model.graph.output})
    culprit = culprit or _first_not_finite(compared, given)
    if culprit is not None:
        inputs = given | {INPUT_NAME: image[np.newaxis]}
        own_error = error_from_own_inputs(model, compared[culprit].producer, inputs)
        wrong_kernel = own_error is not None and not own_error <= ROUNDING_FACTOR * rounding
        return Bisection(_fault(culprit, compared, given, reference, wrong_kernel), "")
    exposed = given[LOGIT_NAME].item()
    if disagreement.is_within_limit(exposed) and not disagreement.is_within_limit(disagreement.logit_onnx):
        return Bisection(
            None,
            f"the file's logit is {exposed:.6g} once each node's value is an output, {disagreement.logit_onnx:.6g} "
            f"otherwise: a kernel that onnxruntime makes of several nodes is wrong on {provider.kind}",
        )
    return Bisection(None, "each node's value is that of PyTorch within rounding")


def _compare(
    nodes: Sequence[onnx.NodeProto],
    given: dict[str, NDArray[np.generic]],
    reference: Sequence[PyTorchValue],
    rounding: float,
) -> dict[str, _Comparison]:
    """Each value of the file against those of PyTorch, by value name, in the graph's order."""
    of_shape: dict[tuple[int, ...], list[int]] = {}
    for number, value in enumerate(reference):
        of_shape.setdefault(value.values.shape, []).append(number)
    compared: dict[str, _Comparison] = {}
    for node in nodes:
        for name in filter(None, node.output):
            values = given[name].squeeze()
            if _is_compared(values):
                usual = max(rounding, _largest_error(_read_by(node, compared)))
                compared[name] = _recognise(node, values, of_shape.get(values.shape, []), reference, usual)
            else:
                compared[name] = _Comparison(node, None, 0.0, False)
    return compared


def _recognise(
    node: onnx.NodeProto,
    values: NDArray[np.generic],
    candidates: Sequence[int],
    reference: Sequence[PyTorchValue],
    usual_error: float,
) -> _Comparison:
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
    return _Comparison(node, nearest, error, share <= 1)


def _first_unexplained(
    compared: dict[str, _Comparison], given: dict[str, NDArray[np.generic]], outputs: set[str]
) -> str | None:
    """The first value that is not right and that something not right is made of."""
    made_of: dict[str, list[str]] = {}
    for name, comparison in compared.items():
        for read in comparison.producer.input:
            made_of.setdefault(read, []).append(name)
    explained: set[str] = set()
    for name, comparison in reversed(compared.items()):
        passed_on = made_of.get(name, [])
        # A sigmoid that is 1 says nothing about the logit: an output of the file has to be right itself.
        if comparison.right or (passed_on and name not in outputs and explained.issuperset(passed_on)):
            explained.add(name)
    return next((name for name in compared if name not in explained and _is_compared(given[name])), None)


def _is_compared(values: NDArray[np.generic]) -> bool:
    """Whole numbers are the quantised form of a value that is compared."""
    return np.issubdtype(values.dtype, np.floating)


def _first_not_finite(compared: dict[str, _Comparison], given: dict[str, NDArray[np.generic]]) -> str | None:
    return next((name for name in compared if not np.isfinite(given[name]).all()), None)


def _fault(
    culprit: str,
    compared: dict[str, _Comparison],
    given: dict[str, NDArray[np.generic]],
    reference: Sequence[PyTorchValue],
    wrong_kernel: bool,
) -> DivergentNode:
    node = compared[culprit].producer
    read = list(_read_by(node, compared))
    values = given[culprit]
    counterpart = _counterpart(node, values.squeeze(), read, compared, reference)
    if counterpart is None:
        return DivergentNode(
            node.name, node.op_type, "nothing", _largest_error(read), np.inf, (), np.nan, np.nan,
            f"PyTorch computes nothing of the shape {list(values.shape)}",
        )  # fmt: skip
    expected = counterpart.values.reshape(values.shape)
    position = np.unravel_index(int(np.argmax(differences(values, expected))), values.shape)
    if wrong_kernel:
        cause = "what it gives does not follow from what it reads: the execution provider computes it wrongly"
    elif not np.isfinite(expected).all() and not np.isfinite(values).all():
        cause = "PyTorch's own value is not finite: the checkpoint is at fault"
    else:
        cause = "it computes what it is told to, but its weights, its attributes or what it reads are not PyTorch's"
    return DivergentNode(
        node=node.name,
        operator=node.op_type,
        pytorch=f"{counterpart.module or 'head'} ({counterpart.operator})",
        error_before=_largest_error(read),
        error_after=relative_error(values, expected),
        position=tuple(int(index) for index in position),
        value_onnx=float(values[position]),
        value_reference=float(expected[position]),
        cause=cause,
    )


def _read_by(node: onnx.NodeProto, compared: dict[str, _Comparison]) -> Iterator[_Comparison]:
    """The right values that a node reads; behind one that PyTorch has nothing like, those that it is made of."""
    waiting, seen = list(node.input), set(node.input)
    while waiting:
        name = waiting.pop()
        if name not in compared:
            continue
        if compared[name].right:
            yield compared[name]
        elif compared[name].nearest is None:
            further = set(compared[name].producer.input) - seen
            seen |= further
            waiting += further


def _largest_error(read: Iterable[_Comparison]) -> float:
    return max((comparison.error for comparison in read), default=0.0)


def _counterpart(
    node: onnx.NodeProto,
    values: NDArray[np.generic],
    read: Sequence[_Comparison],
    compared: dict[str, _Comparison],
    reference: Sequence[PyTorchValue],
) -> PyTorchValue | None:
    """What PyTorch has in the place of a node's value: that of its shape which comes nearer to it of the first that
    PyTorch computes after what the node reads and the file does not have, and what the node reads itself (PyTorch does
    nothing here).
    """
    recognised = {comparison.nearest for comparison in compared.values() if comparison.right}
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
