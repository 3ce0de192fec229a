"""The loss, of operators that every device computes itself."""

import torch
from torch import Tensor


def binary_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of each image: logits float [N], labels float [N] of 0 and 1 -> float [N].

    Written as max(z, 0) - z y + log1p(exp(-|z|)); torch-directml sends the ready-made ones to the CPU. The maximum is
    (z + |z|) / 2, whose gradient at z = 0 is right too: a clamp's is 1 there, or 0.
    """
    distance = torch.abs(logits)
    return logits * 0.5 + distance * 0.5 - logits * labels + torch.log1p(torch.exp(-distance))


def class_weights(assumed_normal_share: float) -> tuple[float, float]:
    """Loss weights of (normal, anomaly) that balance classes of these assumed shares; 0.88 gives (0.568, 4.167)."""
    return 1 / (2 * assumed_normal_share), 1 / (2 * (1 - assumed_normal_share))


def training_loss(logits: Tensor, labels: Tensor, weights: tuple[float, float], label_smoothing: float = 0.0) -> Tensor:
    """Mean over the batch of each image's loss times the weight of its class: a scalar.

    Smoothing by s draws the labels 0 and 1 to s / 2 and 1 - s / 2, as Keras's BinaryCrossentropy does.
    """
    normal, anomaly = weights
    smoothed = labels * (1 - label_smoothing) + label_smoothing / 2
    return torch.mean((labels * (anomaly - normal) + normal) * binary_cross_entropy(logits, smoothed))
