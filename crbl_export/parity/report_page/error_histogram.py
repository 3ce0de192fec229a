"""How many images have which error: a histogram on a logarithmic scale."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS_A_DECADE = 4


@dataclass(frozen=True)
class ErrorHistogram:
    """Counts of the errors of the model file and of float32 PyTorch, in the same B bins.

    Attributes:
        edges: B + 1 decimal logarithms of |logit error|; none where no error is finite and greater than 0. A bin has
            its lower edge, and the last one both.
        onnx, torch: B counts each.
        onnx_zero, torch_zero: errors of exactly 0, which have no logarithm.
        onnx_not_finite, torch_not_finite: errors of logits that are no numbers.
    """

    edges: tuple[float, ...]
    onnx: tuple[int, ...]
    torch: tuple[int, ...]
    onnx_zero: int
    torch_zero: int
    onnx_not_finite: int
    torch_not_finite: int


def error_histogram(onnx: NDArray[np.float64], torch: NDArray[np.float64]) -> ErrorHistogram:
    """The histogram of two sets of errors, float64 [N] each: 0 or greater, infinite for what is not a number."""
    logarithms = _logarithms(onnx), _logarithms(torch)
    both = np.concatenate(logarithms)
    edges = _edges(both) if len(both) else np.array([])
    counts = [tuple(np.histogram(each, edges)[0].tolist()) if len(both) else () for each in logarithms]
    return ErrorHistogram(
        edges=tuple(edges.tolist()),
        onnx=counts[0],
        torch=counts[1],
        onnx_zero=int(np.sum(onnx == 0)),
        torch_zero=int(np.sum(torch == 0)),
        onnx_not_finite=int(np.sum(np.isinf(onnx))),
        torch_not_finite=int(np.sum(np.isinf(torch))),
    )


def _logarithms(errors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log10(errors[(errors > 0) & np.isfinite(errors)]))


def _edges(logarithms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Whole decades around all of them, so that the edges do not depend on single errors."""
    low = np.floor(logarithms.min())
    high = max(np.ceil(logarithms.max()), low + 1)
    return np.linspace(low, high, int(high - low) * BINS_A_DECADE + 1)
