"""Bilinear pooling, dropout and the linear layer as one differentiable function.

As stock operators the head reads and writes some forty arrays of 1.6 million values a picture, and that, not the
backbones, is where training time goes. Here a few pictures at a time pass through a working set that stays in cache,
only the feature maps and a seed are kept for the backward pass, and the product is computed again there.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from crbl_training.model.bilinear_pooling import FLOOR

DROPOUT = 0.5
# The signed root's derivative grows without bound near zero, so the backward pass uses a larger floor than the
# forward pass; docs/root_floor.md has the measurement.
DEFAULT_ROOT_FLOOR = 1e-5


def bilinear_logits(
    first: Tensor,
    second: Tensor,
    weight: Tensor,
    bias: Tensor,
    *,
    training: bool = False,
    root_floor: float = DEFAULT_ROOT_FLOOR,
) -> Tensor:
    """Logits of the linear layer on the bilinear pooling of two feature maps.

    Args:
        first, second: float [N, C, H, W].
        weight: float [1, C * C], the first map's channel major. bias: float [1].
        training: drop half of the pooled values at random, the rest doubled (Dropout(0.5)). The mask comes from
            torch's default CPU generator, on every device.
        root_floor: |product| below this counts as this in the derivative of the signed root (backward only).

    Returns:
        float [N].
    """
    seed = int(torch.randint(2**62, (1,))) if training else None
    logits = _BilinearLogits.apply(first.flatten(2), second.flatten(2), weight, bias, seed, root_floor)
    assert isinstance(logits, Tensor)
    return logits


class _BilinearLogits(torch.autograd.Function):
    """P = A B^T / K, Q = max(|P|, 1e-12), S = P / sqrt(Q), dropout mask M: logit = sum(W M S) / sqrt(sum Q) + b."""

    @staticmethod
    def forward(
        ctx: Any, first: Tensor, second: Tensor, weight: Tensor, bias: Tensor, seed: int | None, root_floor: float
    ) -> Tensor:
        matrix = weight.view(first.shape[1], second.shape[1])
        masks = _DropoutMasks(seed, matrix)
        sums, squared_norms = [], []
        for a, b in _portions(first, second):
            product = _product(a, b)
            floored = product.abs().clamp_min_(FLOOR)
            squared_norms.append(floored.sum((1, 2)))
            rooted = floored.rsqrt_().mul_(product)
            if seed is not None:
                rooted.mul_(masks.next(len(a)))
            sums.append(rooted.mul_(matrix).sum((1, 2)))
        squared_norm = torch.cat(squared_norms)
        centred = torch.cat(sums) * torch.rsqrt(squared_norm)
        ctx.save_for_backward(first, second, matrix, centred, squared_norm)
        ctx.seed, ctx.root_floor = seed, root_floor
        return centred + bias

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        first, second, matrix, centred, squared_norms = ctx.saved_tensors
        (gradient,) = gradients
        needs_first, needs_second, needs_weight, needs_bias = ctx.needs_input_grad[:4]
        masks = _DropoutMasks(ctx.seed, matrix)
        # d logit / d (W M S) and d logit / d |P| through the norm, one value a picture.
        through_root = gradient * torch.rsqrt(squared_norms)
        through_norm = gradient * centred / squared_norms * -0.5
        weight_gradient = torch.zeros_like(matrix) if needs_weight else None
        first_gradients, second_gradients = [], []
        start = 0
        for a, b in _portions(first, second):
            product, pictures = _product(a, b), slice(start, start + len(a))
            start += len(a)
            mask = masks.next(len(a)) if ctx.seed is not None else None
            root_scale = through_root[pictures].view(-1, 1, 1)
            if weight_gradient is not None:
                rooted = product.abs().clamp_min_(FLOOR).rsqrt_().mul_(product).mul_(root_scale)
                if mask is not None:
                    rooted.mul_(mask)
                weight_gradient.add_(rooted[0] if len(a) == 1 else rooted.sum(0))
            if not (needs_first or needs_second):
                continue
            slope = product.abs().clamp_min_(ctx.root_floor).rsqrt_().mul_(matrix).mul_(root_scale * 0.5)
            if mask is not None:
                slope.mul_(mask)
            slope.add_(torch.sign(product).mul_(through_norm[pictures].view(-1, 1, 1)))
            positions = a.shape[2]
            first_gradients.append(torch.bmm(slope, b) / positions)
            second_gradients.append(torch.bmm(slope.transpose(1, 2), a) / positions)
        return (
            torch.cat(first_gradients) if needs_first else None,
            torch.cat(second_gradients) if needs_second else None,
            weight_gradient.view(1, -1) if weight_gradient is not None else None,
            gradient.sum().view(1) if needs_bias else None,
            None,
            None,
        )


def _product(first: Tensor, second: Tensor) -> Tensor:
    return torch.bmm(first / first.shape[2], second.transpose(1, 2))


def _portions(first: Tensor, second: Tensor) -> list[tuple[Tensor, Tensor]]:
    """One picture at a time on the CPU, where the cache is what counts; a few on a GPU, where memory is."""
    at_once = 1 if first.device.type == "cpu" else 8
    return list(zip(first.split(at_once), second.split(at_once), strict=True))


class _DropoutMasks:
    """Dropout masks of a batch, a portion at a time, the same ones for the same seed.

    One random bit decides a value: sixty times faster than drawing a float for each.
    """

    def __init__(self, seed: int | None, like: Tensor) -> None:
        self._like = like
        self._generator = torch.Generator()
        if seed is not None:
            self._generator.manual_seed(seed)

    def next(self, pictures: int) -> Tensor:
        """Masks of the next pictures: [pictures, C, C] of 0 and 1 / (1 - DROPOUT), like the weight."""
        rows, columns = self._like.shape
        words = -(-pictures * rows * columns // 64)
        bits = torch.empty(words, dtype=torch.int64).random_(-(2**63), None, generator=self._generator)
        values = np.unpackbits(bits.numpy().view(np.uint8), count=pictures * rows * columns)
        mask = torch.from_numpy(values).view(pictures, rows, columns)
        return mask.to(self._like.device).to(self._like.dtype).mul_(1 / (1 - DROPOUT))
