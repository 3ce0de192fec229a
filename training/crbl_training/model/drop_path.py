"""Stochastic depth whose draws do not depend on the device or on the number of processes."""

import torch
from torch import Tensor, nn

from crbl_training.process_group import own_rows


class DropPath(nn.Module):
    """While training, leaves a block's own path out for some images, and scales it up for the others.

    Huang et al., "Deep Networks with Stochastic Depth", 2016. The draws come from torch's default CPU generator: the
    same seed leaves out the same paths on every device.

    Args:
        drop_prob: how often a path is left out, 0 to under 1.
    """

    def __init__(self, drop_prob: float) -> None:
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, x: Tensor) -> Tensor:
        """float [N, C, H, W] -> the same shape, some images all 0 while training."""
        if not self.training or self.drop_prob == 0:
            return x
        stays = own_rows(len(x), torch.rand) >= self.drop_prob
        return x * (stays.to(x.dtype) / (1 - self.drop_prob)).view(-1, 1, 1, 1).to(x.device)
