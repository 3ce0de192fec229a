"""The network whose weights a model file holds: the trained one, or the one that is left after rounding to float16."""

import copy
from itertools import pairwise

import torch
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from crbl_export.trained_model import TrainedModel
from crbl_runtime.errors import ParityError

# Smaller tensors stay in float32: their Casts would take more room in the file than they save.
SMALLEST_IN_HALF = 64


def as_stored(trained: TrainedModel, precision: str) -> TrainedModel:
    """The network as a file of this precision, "fp32" or "fp16", holds it. The checkpoint stays the trained one.

    Raises:
        ParityError: see `rounded_to_half`.
    """
    return rounded_to_half(trained) if precision == "fp16" else trained


def rounded_to_half(trained: TrainedModel) -> TrainedModel:
    """The network with each BatchNorm folded into its convolution, and with each weight as the file stores it.

    Folding comes first because exporters fold, too: the values that are stored are the folded ones. It is computed in
    float64. A tensor of 64 values or more is rounded to float16, a smaller one to float32.

    Raises:
        ParityError: a weight is beyond 65504, the largest float16.
    """
    float64 = copy.deepcopy(trained.float64)
    for module in list(float64.modules()):
        _fold_batchnorms(module)
    with torch.no_grad():
        for name, weight in float64.named_parameters():
            weight.copy_(_rounded(weight, name))
    return TrainedModel(trained.checkpoint, copy.deepcopy(float64).float(), float64)


def _fold_batchnorms(module: nn.Module) -> None:
    """Leave of each BatchNorm of a module its activation. Its convolution is the child before it."""
    for (convolution_name, convolution), (name, batchnorm) in pairwise(list(module.named_children())):
        if isinstance(batchnorm, BatchNormAct2d):
            assert isinstance(convolution, nn.Conv2d)
            setattr(module, convolution_name, fuse_conv_bn_eval(convolution, batchnorm))
            setattr(module, name, batchnorm.act)


def _rounded(weight: Tensor, name: str) -> Tensor:
    if weight.numel() < SMALLEST_IN_HALF:
        return weight.float()
    half = weight.half()
    if (half.isinf() & weight.isfinite()).any():
        raise ParityError(
            f"The weights {name} reach {float(weight.abs().max()):.3g}; half precision ends at 65504. "
            "Nothing was written. Export with --precision fp32."
        )
    return half
