"""BatchNorms of networks from PyTorch, scaled for TensorFlow's eps."""

import torch
from torch import Tensor

PYTORCH_EPS = 1e-5
TENSORFLOW_EPS = 1e-3
_VARIANCE = ".running_var"


def scale_for_tensorflow_eps(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state with each BatchNorm's weight scaled so that it computes with eps 1e-3 what it computed with 1e-5.

    In eval mode a BatchNorm multiplies by weight / sqrt(variance + eps), so that a weight that is larger by
    sqrt((variance + 1e-3) / (variance + 1e-5)) makes up for the larger eps, but for float32's rounding.

    Args:
        state: float32 by name; each `running_var` has a `weight` beside it.
    """
    scaled = dict(state)
    for name, variance in state.items():
        if name.endswith(_VARIANCE):
            weight = f"{name.removesuffix(_VARIANCE)}.weight"
            factor = ((variance.double() + TENSORFLOW_EPS) / (variance.double() + PYTORCH_EPS)).sqrt()
            scaled[weight] = (state[weight].double() * factor).to(torch.float32)
    return scaled
