"""Bilinear pooling, dropout and the linear layer as one differentiable function.

As stock operators the head reads and writes some forty arrays of 1.6 million values a picture, and that, not the
backbones, is where training time goes. Here a few pictures at a time pass through a working set that stays in cache,
only the feature maps and a seed are kept for the backward pass, and the product is computed again there.
"""

from collections.abc import Iterator
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
    dropout_seeds: Tensor | None = None,
    root_floor: float = DEFAULT_ROOT_FLOOR,
) -> Tensor:
    """Logits of the linear layer on the bilinear pooling of two feature maps.

    Args:
        first, second: float [N, C, H, W].
        weight: float [1, C * C], the first map's channel major. bias: float [1].
        dropout_seeds: int64 [N], CPU: drop half of each picture's pooled values, chosen by its seed, and double the
            rest (Dropout(0.5)). None: drop nothing.
        root_floor: |product| below this counts as this in the derivative of the signed root (backward only).

    Returns:
        float [N].
    """
    seeds = tuple(dropout_seeds.tolist()) if dropout_seeds is not None else None
    logits = _BilinearLogits.apply(first.flatten(2), second.flatten(2), weight, bias, seeds, root_floor)
    assert isinstance(logits, Tensor)
    return logits


class _BilinearLogits(torch.autograd.Function):
    """P = A B^T / K, Q = max(|P|, 1e-12), S = P / sqrt(Q), dropout mask M: logit = sum(W M S) / sqrt(sum Q) + b."""

    @staticmethod
    @torch.amp.custom_fwd(device_type="cuda", cast_inputs=torch.float32)  # Half precision cannot sum so many values.
    def forward(
        ctx: Any,
        first: Tensor,
        second: Tensor,
        weight: Tensor,
        bias: Tensor,
        seeds: tuple[int, ...] | None,
        root_floor: float,
    ) -> Tensor:
        matrix = weight.view(first.shape[1], second.shape[1])
        sums, squared_norms = [], []
        for pictures, a, b in _portions(first, second):
            product = _product(a, b)
            floored = product.abs().clamp_min_(FLOOR)
            squared_norms.append(floored.sum((1, 2)))
            rooted = floored.rsqrt_().mul_(product)
            if seeds is not None:
                rooted.mul_(_dropout_masks(seeds[pictures], matrix))
            sums.append(rooted.mul_(matrix).sum((1, 2)))
        squared_norm = torch.cat(squared_norms)
        centred = torch.cat(sums) * torch.rsqrt(squared_norm)
        ctx.save_for_backward(first, second, matrix, centred, squared_norm)
        ctx.seeds, ctx.root_floor = seeds, root_floor
        return centred + bias

    @staticmethod
    @torch.amp.custom_bwd(device_type="cuda")
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        first, second, matrix, centred, squared_norms = ctx.saved_tensors
        (gradient,) = gradients
        needs_first, needs_second, needs_weight, needs_bias = ctx.needs_input_grad[:4]
        # d logit / d (W M S) and d logit / d |P| through the norm, one value a picture.
        through_root = gradient * torch.rsqrt(squared_norms)
        through_norm = gradient * centred / squared_norms * -0.5
        weight_gradient = torch.zeros_like(matrix) if needs_weight else None
        first_gradients, second_gradients = [], []
        for pictures, a, b in _portions(first, second):
            product = _product(a, b)
            mask = _dropout_masks(ctx.seeds[pictures], matrix) if ctx.seeds is not None else None
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


def _portions(first: Tensor, second: Tensor) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """One picture at a time on the CPU, where the cache is what counts; a few on a GPU, where memory is."""
    at_once = 1 if first.device.type == "cpu" else 8
    # An empty batch is one empty portion, so that there is something to concatenate.
    for start in range(0, max(len(first), 1), at_once):
        pictures = slice(start, start + at_once)
        yield pictures, first[pictures], second[pictures]


def _dropout_masks(seeds: tuple[int, ...], like: Tensor) -> Tensor:
    """Dropout masks, one a seed: [len(seeds), C, C] of 0 and 1 / (1 - DROPOUT), of the weight's type and device.

    One random bit decides a value: sixty times faster than drawing a float for each.
    """
    rows, columns = like.shape
    words = torch.empty(len(seeds), -(-rows * columns // 64), dtype=torch.int64)
    generator = torch.Generator()
    for picture, seed in zip(words, seeds, strict=True):
        picture.random_(-(2**63), None, generator=generator.manual_seed(seed))
    bits = np.unpackbits(words.numpy().view(np.uint8), axis=1, count=rows * columns)
    mask = torch.from_numpy(bits).view(len(seeds), rows, columns)
    return mask.to(like.device).to(like.dtype).mul_(1 / (1 - DROPOUT))
