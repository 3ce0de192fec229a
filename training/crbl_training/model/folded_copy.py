"""A copy of layers that do not learn, which gives what they give in less than half the time.

In eval mode a BatchNorm is a scale and a shift of each channel, which the convolution before it can do as well (Jacob
et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2018, section
3.2). It and the memory layout channels_last are worth little alone and much together.
"""

import copy
from dataclasses import dataclass
from typing import TypeVar

import torch
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from crbl_training.model.crbl import CRBLDualModel
from crbl_training.model.memory_layout import has_channels_last, in_quickest_layout
from crbl_training.model.sync_batchnorm import SyncBatchNorm

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class FoldedFrozenPart:
    """What computes a model's frozen activations, folded.

    Attributes:
        first, second: of either backbone, on the model's device.
    """

    first: nn.Module
    second: nn.Module

    @classmethod
    def of(cls, model: CRBLDualModel) -> "FoldedFrozenPart":
        """The frozen part as it is now; the model keeps its own."""
        first, second = model.frozen_layers()
        return cls(folded_copy(first), folded_copy(second))

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What `CRBLDualModel.frozen_activations` gives, within rounding, in the device's quickest layout.

        Under autocast it computes with bfloat16 where the frozen layers themselves would.
        """
        x = in_quickest_layout(x)
        return self.first(x), self.second(x)


def folded_copy(network: Network) -> Network:
    """A copy in eval mode whose BatchNorms are folded into the convolutions before them.

    Args:
        network: each BatchNorm's convolution comes right before it among the children of its module. Stays as it is.

    Returns:
        On the same device, without anything that learns. It gives what the network gives in eval mode, within rounding.
    """
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    # Folded on the CPU, because DirectML has no float64.
    folded = copy.deepcopy(network).cpu().eval().requires_grad_(False)
    _fold_children(folded)
    folded.to(device)
    return folded.to(memory_format=torch.channels_last) if has_channels_last(device) else folded


def _fold_children(module: nn.Module) -> None:
    convolution = None
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d):
            convolution = child
        elif isinstance(child, BatchNormAct2d | SyncBatchNorm):
            assert convolution is not None, f"{name} stands behind no convolution"
            _fold(child, convolution)
            setattr(module, name, child.act)
        else:
            _fold_children(child)


def _fold(batchnorm: BatchNormAct2d | SyncBatchNorm, convolution: nn.Conv2d) -> None:
    """Change the convolution so that it does what the BatchNorm did, computed in float64 and rounded once."""
    assert batchnorm.running_mean is not None
    assert batchnorm.running_var is not None
    weight, bias = fuse_conv_bn_weights(
        convolution.weight.double(),
        convolution.bias.double() if convolution.bias is not None else None,
        batchnorm.running_mean.double(),
        batchnorm.running_var.double(),
        batchnorm.eps,
        batchnorm.weight.double(),
        batchnorm.bias.double(),
    )
    dtype = convolution.weight.dtype
    convolution.weight = nn.Parameter(weight.detach().to(dtype), requires_grad=False)
    convolution.bias = nn.Parameter(bias.detach().to(dtype), requires_grad=False)
