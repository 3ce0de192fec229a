"""The first node of a model file that computes something else than PyTorch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from crbl_export.divergence.describe_node import describe_node
from crbl_export.divergence.onnx_values import nodes_of_logit, onnx_values
from crbl_export.divergence.own_inputs import error_from_own_inputs
from crbl_export.divergence.pytorch_values import pytorch_values
from crbl_export.divergence.recognise import ComparedValue, compare_values, is_compared
from crbl_export.parity.limits import ROUNDING_FACTOR
from crbl_export.parity.report import DivergentNode
from crbl_export.trained_model import TrainedModel
from crbl_runtime.contract import INPUT_NAME, LOGIT_NAME
from crbl_runtime.execution_provider import Provider

# Relative, of what a node gives.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Disagreement:
    """An image on which a file and its checkpoint give different logits.

    Attributes:
        pixels: the prepared image, uint8 [size, size, 3].
        logit_onnx, logit_pytorch: of the file, and of PyTorch in float64.
        limit: what the one may differ from the other.
        provider: what the file ran on.
    """

    pixels: NDArray[np.uint8]
    logit_onnx: float
    logit_pytorch: float
    limit: float
    provider: Provider

    def is_within_limit(self, logit: float) -> bool:
        """Whether that logit would be right. Never where PyTorch's is NaN or infinite."""
        return abs(logit - self.logit_pytorch) <= self.limit


@dataclass(frozen=True)
class FirstDivergence:
    """What comparing node by node gave.

    Attributes:
        node: the first divergent node, None where no node is.
        remark: why there is none, empty where there is one.
    """

    node: DivergentNode | None
    remark: str


def find_first_divergence(model: onnx.ModelProto, trained: TrainedModel, disagreement: Disagreement) -> FirstDivergence:
    """Find the first node, in the graph's order, where the error against float64 PyTorch jumps.

    A node whose value PyTorch does not have is not divergent while all that is made of it is right, as the sums over
    rows that one of the passes puts in.
    """
    pixels = disagreement.pixels
    given = onnx_values(model, pixels, disagreement.provider)
    reference = pytorch_values(trained, pixels)
    exported = float(reference[-2].values)  # Its sigmoid comes last.
    if np.isfinite(exported) and not disagreement.is_within_limit(exported):
        return FirstDivergence(None, f"the network that is given to the exporter has the logit {exported:.6g} itself")
    compared = compare_values(nodes_of_logit(model), given, reference, ROUNDING)
    name = _first_unexplained(compared, given, {value.name for value in model.graph.output})
    name = name or _first_not_finite(compared, given)
    if name is None:
        return FirstDivergence(None, _why_no_node(given[LOGIT_NAME].item(), disagreement))
    own_error = error_from_own_inputs(model, compared[name].producer, given | {INPUT_NAME: pixels[np.newaxis]})
    is_wrong_kernel = own_error is not None and not own_error <= ROUNDING_FACTOR * ROUNDING
    return FirstDivergence(describe_node(name, compared, given, reference, is_wrong_kernel), "")


def _why_no_node(exposed: float, disagreement: Disagreement) -> str:
    """`exposed`: the file's logit while each node's value is an output."""
    if disagreement.is_within_limit(exposed) and not disagreement.is_within_limit(disagreement.logit_onnx):
        return (
            f"the file's logit is {exposed:.6g} once each node's value is an output, {disagreement.logit_onnx:.6g} "
            f"otherwise: a kernel that onnxruntime makes of several nodes is wrong on {disagreement.provider.kind}"
        )
    return "each node's value is that of PyTorch within rounding"


def _first_unexplained(
    compared: dict[str, ComparedValue], given: Mapping[str, NDArray[Any]], outputs: set[str]
) -> str | None:
    """The first value that is not right and that something not right is made of."""
    made_of: dict[str, list[str]] = {}
    for name, comparison in compared.items():
        for read in comparison.producer.input:
            made_of.setdefault(read, []).append(name)
    explained: set[str] = set()
    for name, comparison in reversed(compared.items()):
        passed_on = made_of.get(name, [])
        # A sigmoid that is 1 tells nothing about the logit: an output of the file has to be right itself.
        if comparison.is_right or (passed_on and name not in outputs and explained.issuperset(passed_on)):
            explained.add(name)
    return next((name for name in compared if name not in explained and is_compared(given[name])), None)


def _first_not_finite(compared: dict[str, ComparedValue], given: Mapping[str, NDArray[Any]]) -> str | None:
    return next((name for name in compared if not np.isfinite(given[name]).all()), None)
