"""TensorFlow's SAME padding in a form that can be trained on DirectML."""

from torch import Tensor, nn
from torch.nn import functional as F


def split_same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """How much SAME pads one axis: (on both sides, more at the back only), in pixels.

    TensorFlow puts the odd pixel at the back: https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2
    """
    total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total % 2


class SamePaddingConv2d(nn.Conv2d):
    """A strided convolution with SAME padding, equal to timm's Conv2dSame to the bit.

    Padding at the front with F.pad has a backward pass that raises on torch-directml. So F.pad adds only the odd
    pixel at the back, and the convolution's own padding does the rest.
    """

    @classmethod
    def like(cls, convolution: nn.Conv2d) -> "SamePaddingConv2d":
        """A SAME convolution with the geometry of `convolution`, sharing its parameters."""
        same = cls(
            convolution.in_channels,
            convolution.out_channels,
            _pair(convolution.kernel_size),
            stride=_pair(convolution.stride),
            dilation=_pair(convolution.dilation),
            groups=convolution.groups,
            bias=convolution.bias is not None,
        )
        same.weight, same.bias = convolution.weight, convolution.bias
        return same

    def forward(self, x: Tensor) -> Tensor:
        """float [N, C, H, W] -> float [N, C', ceil(H / stride), ceil(W / stride)]."""
        (front_h, back_h), (front_w, back_w) = (
            split_same_padding(x.shape[axis + 2], self.kernel_size[axis], self.stride[axis], self.dilation[axis])
            for axis in (0, 1)
        )
        if back_h or back_w:
            x = F.pad(x, (0, back_w, 0, back_h))
        return F.conv2d(x, self.weight, self.bias, self.stride, (front_h, front_w), self.dilation, self.groups)


def _pair(values: tuple[int, ...]) -> tuple[int, int]:
    height, width = values
    return height, width
