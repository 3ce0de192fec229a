"""Bilinear pooling, written as the formula reads. The fused head is compared with it."""

import torch
from torch import Tensor, nn

FLOOR = 1e-12


class BilinearPooling(nn.Module):
    """Outer product of two feature maps, averaged over positions, signed square root, L2 norm 1.

    The signed root and the normalisation are those of Lin, RoyChowdhury, Maji, "Bilinear CNN Models for Fine-grained
    Visual Recognition", 2015, section 3. Where every product is 0 the outcome is 0 too, not 0 / 0.
    """

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """float [N, C, H, W] twice -> float [N, C * C], the first map's channel major."""
        positions = first.shape[2] * first.shape[3]
        product = torch.bmm(first.flatten(2), second.flatten(2).transpose(1, 2)) / positions
        rooted = torch.sign(product) * torch.sqrt(torch.abs(product) + FLOOR)
        flat = rooted.flatten(1)
        normalized: Tensor = flat / torch.linalg.vector_norm(flat, dim=1, keepdim=True).clamp_min(FLOOR)
        return normalized
