"""BatchNorm over the images of all processes."""

import torch
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.nn import functional as F

from crbl_training.process_group import SumOverProcesses, current_shard


class SyncBatchNorm(nn.Module):
    """BatchNorm and its activation, with the mean and variance of the whole batch rather than of this process's shard.

    torch's SyncBatchNorm does the same for CUDA tensors only. Parameters, buffers and their names are those of the
    layer it stands in for. In eval mode, and so wherever it is frozen, it is that layer.

    Args:
        layer: the BatchNorm of one process.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, layer: BatchNormAct2d) -> None:
        super().__init__()
        assert layer.momentum is not None, "the backbones' layers have one"
        self.weight, self.bias, self.eps, self.momentum = layer.weight, layer.bias, layer.eps, layer.momentum
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, getattr(layer, name))
        self.drop: nn.Module = layer.drop
        self.act: nn.Module = layer.act

    def forward(self, x: Tensor) -> Tensor:
        """float [N, C, H, W] -> float [N, C, H, W]."""
        activated: Tensor = self.act(self.drop(self._normalized(x)))
        return activated

    def _normalized(self, x: Tensor) -> Tensor:
        if not self.training:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        mean, variance = self._batch_statistics(x.float())
        scale = torch.rsqrt(variance + self.eps) * self.weight
        return (x - mean.view(1, -1, 1, 1)) * scale.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)

    def _batch_statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        values = x.numel() // x.shape[1] * current_shard().world_size
        mean = SumOverProcesses.apply(x.sum((0, 2, 3))) / values
        variance = SumOverProcesses.apply((x - mean.view(1, -1, 1, 1)).square().sum((0, 2, 3))) / values
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            # The running variance is the unbiased one, as in torch's own BatchNorm.
            self.running_var.lerp_(variance * (values / (values - 1)), self.momentum)
            self.num_batches_tracked.add_(1)
        return mean, variance


def convert_sync_batchnorm(module: nn.Module) -> None:
    """Put a `SyncBatchNorm` in the place of every BatchNorm that learns."""
    for name, child in module.named_children():
        if isinstance(child, BatchNormAct2d) and child.weight.requires_grad:
            setattr(module, name, SyncBatchNorm(child).train(child.training))
        else:
            convert_sync_batchnorm(child)
