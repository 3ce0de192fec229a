"""The network as it is exported: uint8 images in, probability, logit and heatmap out."""

import torch
from torch import Tensor, nn

from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.model.bilinear_pooling import FLOOR
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.model.feature_extractor import FEATURE_CHANNELS
from crbl_training.model.network_input import network_input


class ExportGraph(nn.Module):
    """The model with its input scaling in front and a head of few operators behind.

    With P = A B^T / K and Q = max(|P|, 1e-12): logit = sum(W * P / sqrt(Q)) / sqrt(sum Q) + b. That is the bilinear
    pooling, its norm and the linear layer without Sign, ReduceL2 and Gemm, and it reads the 1.6 million values of an
    image half as often. The floor is a maximum and not a sum because graph optimisers take an added 1e-12 for 0.
    """

    def __init__(self, model: CRBLDualModel, spec: PreprocessingSpec, *, heatmap: bool) -> None:
        super().__init__()
        self.matrix: Tensor
        self.bias: Tensor
        self.model = model
        self.spec = spec
        self.with_heatmap = heatmap
        self.register_buffer("matrix", model.classifier.weight.detach().view(FEATURE_CHANNELS, FEATURE_CHANNELS))
        self.register_buffer("bias", model.classifier.bias.detach().clone())

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """uint8 [N, size, size, 3], RGB -> probability [N], logit [N] and, if asked for, heatmap [N, h, w]."""
        first, second = self.model.features(network_input(image, self.spec, self.matrix.dtype))
        height, width = first.shape[2], first.shape[3]
        # A target of known numbers: flatten(2) would read the batch size and leave Shape, Slice and Concat behind.
        a = first.reshape(-1, FEATURE_CHANNELS, height * width)
        b = second.reshape(-1, FEATURE_CHANNELS, height * width)
        product = torch.matmul(a * (1.0 / (height * width)), b.transpose(1, 2))
        floored = product.abs().clamp_min(FLOOR)
        contribution = self.matrix * (product / floored.sqrt())
        norm = floored.sum((1, 2)).sqrt()
        logit = contribution.sum((1, 2)) / norm + self.bias
        outputs = (torch.sigmoid(logit), logit)
        if not self.with_heatmap:
            return outputs
        return (*outputs, _heatmap(a, b, contribution, norm).reshape(-1, height, width))


def _heatmap(a: Tensor, b: Tensor, contribution: Tensor, norm: Tensor) -> Tensor:
    """float [N, K]: see crbl_training.model.heatmap, which this equals."""
    a, b = a.abs(), b.abs()
    shared = torch.matmul(a, b.transpose(1, 2)).clamp_min(FLOOR)
    return (a * torch.matmul(contribution / shared, b)).sum(1) / norm.unsqueeze(1)
