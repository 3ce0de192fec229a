"""Where in the image the logit comes from: a map whose cells add up to it."""

import torch
from torch import Tensor

from crbl_training.model.bilinear_pooling import FLOOR


def contribution_map(first: Tensor, second: Tensor, weight: Tensor) -> Tensor:
    """Spread each channel pair's contribution to the logit over the positions where both channels are active.

    With A, B of K positions, P = A B^T / K, Q = max(|P|, 1e-12), the pair (i, j) contributes
    E_ij = W_ij P_ij / sqrt(Q_ij) / sqrt(sum Q); position k gets the share |A_ik| |B_jk| / T_ij of it, where
    T = |A| |B|^T.

    Args:
        first, second: float [N, C, H, W]. weight: float [1, C * C].

    Returns:
        float [N, H, W]; the sum over an image's cells is its logit without the bias.
    """
    images, channels, height, width = first.shape
    a, b = first.flatten(2), second.flatten(2)
    maps = []
    for one_a, one_b in zip(a, b, strict=True):
        product = one_a @ one_b.T / one_a.shape[1]
        floored = product.abs().clamp_min(FLOOR)
        contribution = weight.view(channels, channels) * product / floored.sqrt() / floored.sum().sqrt()
        shared = (one_a.abs() @ one_b.abs().T).clamp_min(FLOOR)
        maps.append(torch.sum(one_a.abs() * ((contribution / shared) @ one_b.abs()), dim=0))
    return torch.stack(maps).view(images, height, width)
