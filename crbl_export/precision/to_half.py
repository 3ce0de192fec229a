"""Weights in half precision."""

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.errors import ParityError


def to_half(values: NDArray[np.float32], name: str) -> NDArray[np.float16]:
    """The nearest float16 values; `name` is for the message.

    Raises:
        ParityError: a value is beyond 65504, the largest float16.
    """
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    if not np.isfinite(half).all():
        raise ParityError(
            f"The weights {name} reach {np.max(np.abs(values)):.3g}; half precision ends at 65504. "
            "Export with --precision fp32."
        )
    return half
