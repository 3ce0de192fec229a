"""Every value that PyTorch computes on the way from an image to its logit."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.module_tracker import ModuleTracker

from crbl_export.divergence.difference import largest_value, relative_error
from crbl_export.graph import ExportGraph
from crbl_export.trained_model import TrainedModel

CONVOLUTION, BATCHNORM, SIGMOID, SILU = "convolution", "native_batch_norm", "sigmoid", ("silu", "silu_")


@dataclass(frozen=True)
class PyTorchValue:
    """What one operator of PyTorch gave.

    Attributes:
        module: the part of the network it belongs to, "backbone1.blocks.0.0.bn1"; empty for the head.
        operator: PyTorch's name of it; CONVOLUTION for a convolution with the BatchNorm behind it.
        values: float64, computed in float64, without axes of length 1.
        largest: their `largest_value`. rounding: the `relative_error` of the same value in float32.
    """

    module: str
    operator: str
    values: NDArray[np.float64]
    largest: float
    rounding: float


@dataclass(frozen=True)
class _Computed:
    module: str
    operator: str
    values: NDArray[np.float64]


def pytorch_values(trained: TrainedModel, pixels: NDArray[np.uint8]) -> tuple[PyTorchValue, ...]:
    """All values for one prepared image, uint8 [size, size, 3], in the order of their computation.

    The last two are the logit and its sigmoid. All are in memory at once: 0.2 GB for an image of 128 pixels.
    """
    float64: list[_Computed] = []
    roundings: list[float] = []
    _compute(ExportGraph(trained.float64, trained.preprocessing, heatmap=False), pixels, float64.append)
    _compute(
        ExportGraph(trained.float32, trained.preprocessing, heatmap=False),
        pixels,
        lambda value: roundings.append(relative_error(value.values, float64[len(roundings)].values)),
    )
    values = [
        PyTorchValue(value.module, value.operator, value.values, largest_value(value.values), rounding)
        for value, rounding in zip(float64, roundings, strict=True)
    ]
    return tuple(_with_batchnorm_merged(values))


def _compute(graph: ExportGraph, pixels: NDArray[np.uint8], receive: Callable[[_Computed], None]) -> None:
    """Run the network that is exported, and pass on each value."""
    with torch.no_grad(), ModuleTracker() as modules, _Recorder(modules, receive):
        graph.eval()(torch.from_numpy(pixels).unsqueeze(0))


class _Recorder(TorchDispatchMode):
    """Sees every operator that PyTorch runs."""

    def __init__(self, modules: ModuleTracker, receive: Callable[[_Computed], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.modules = modules
        self.receive = receive

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        operator = func.overloadpacket.__name__
        if operator in SILU:  # ONNX has none before opset 24: the sigmoid is a value of its own there.
            self._pass_on(SIGMOID, torch.sigmoid(args[0]))
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and tensor.is_floating_point() and tensor.numel():
                self._pass_on(operator, tensor)
        return result

    def _pass_on(self, operator: str, tensor: Tensor) -> None:
        # The innermost module has the longest name; the first part of it is the class of the outermost.
        module = max(self.modules.parents, key=len).partition(".")[2].removeprefix("model.")
        # A copy, since what works in place changes it later.
        self.receive(_Computed(module, operator, tensor.double().numpy(force=True).squeeze().copy()))


def _with_batchnorm_merged(values: list[PyTorchValue]) -> list[PyTorchValue]:
    """Exporters multiply a BatchNorm into the convolution before it: the value between the two is in no file."""
    merged = []
    for value, following in zip(values, [*values[1:], None], strict=True):
        if following is not None and (value.operator, following.operator) == (CONVOLUTION, BATCHNORM):
            continue
        operator = CONVOLUTION if value.operator == BATCHNORM else value.operator
        merged.append(replace(value, operator=operator))
    return merged
