"""What a model sees in images, besides their logits: the region that it looks at, and where the logit comes from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Region:
    """The box (x, y, width, height) in pixels of the decoded image; `found` is False for the whole, for want of one."""

    box: tuple[int, int, int, int]
    found: bool


@dataclass(frozen=True)
class ExplainedImages:
    """N images as a model sees them.

    Attributes:
        logits: float32 [N]. regions: N. heatmaps: float32 [N, h, w], None where the model file has none.
    """

    logits: Tensor
    regions: tuple[Region, ...]
    heatmaps: NDArray[np.float32] | None
