"""Bound the length of the gradient."""

from collections.abc import Iterable

import torch
from torch import Tensor


def clip_gradients(parameters: Iterable[Tensor], max_norm: float) -> Tensor:
    """Scale all gradients, in place, so that the L2 norm of them together is at most `max_norm`.

    torch's own, one tensor at a time: the quicker form over lists is not for every device.

    Args:
        parameters: those without a gradient are left out. max_norm: positive.

    Returns:
        The norm before, a scalar on the gradients' device.
    """
    return torch.nn.utils.clip_grad_norm_(parameters, max_norm, foreach=False)
