"""Arrays of float32 as text, exactly."""

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray


def float32_text(values: NDArray[Any]) -> str:
    """All values as float32, little endian, as base64; report_pages/src/shared/float32.ts reads it."""
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()
