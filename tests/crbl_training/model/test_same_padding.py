"""model/same_padding.py: TensorFlow's SAME padding, to the bit as timm computes it."""

import pytest
import torch
from timm.layers import Conv2dSame
from torch import nn

from crbl_training.model.same_padding import SamePaddingConv2d, split_same_padding


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("height", [128, 101, 75, 64, 33, 32])
def test_output_equals_timm_to_the_bit(height, stride, kernel):
    torch.manual_seed(height)
    timm_convolution = Conv2dSame(6, 6, kernel, stride=stride, groups=6, bias=False)
    x = torch.randn(2, 6, height, height - 1)
    assert torch.equal(SamePaddingConv2d.like(timm_convolution)(x), timm_convolution(x))


def test_dense_convolution_with_bias_and_dilation_equals_timm():
    timm_convolution = Conv2dSame(3, 8, (3, 5), stride=(2, 1), dilation=(2, 1), bias=True)
    x = torch.randn(2, 3, 33, 40)
    assert torch.equal(SamePaddingConv2d.like(timm_convolution)(x), timm_convolution(x))


@pytest.mark.parametrize("size", [128, 101])
def test_gradients_equal_timm(size):
    timm_convolution = Conv2dSame(3, 8, 3, stride=2, bias=False).double()
    x = torch.randn(2, 3, size, size, dtype=torch.float64)
    gradients = []
    for convolution in (timm_convolution, SamePaddingConv2d.like(timm_convolution)):
        leaf = x.clone().requires_grad_()
        output = convolution(leaf)
        gradients.append(torch.autograd.grad((output * output).sum(), [leaf, convolution.weight]))
    for expected, actual in zip(*gradients, strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-12)


def test_like_shares_the_parameters():
    convolution = nn.Conv2d(3, 4, 3, stride=2)
    same = SamePaddingConv2d.like(convolution)
    assert same.weight is convolution.weight
    assert same.bias is convolution.bias


# Totals from TensorFlow's formula: max((ceil(n / s) - 1) * s + k - n, 0), the odd pixel behind.
@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [
        (128, 3, 2, (0, 1)),
        (101, 3, 2, (1, 0)),
        (128, 5, 2, (1, 1)),
        (33, 5, 2, (2, 0)),
        (7, 3, 1, (1, 0)),
        (4, 1, 2, (0, 0)),
    ],
)
def test_padding_is_split_as_tensorflow_does(size, kernel, stride, expected):
    assert split_same_padding(size, kernel, stride) == expected
