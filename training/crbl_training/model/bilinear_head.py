"""Bilinear pooling, dropout and the linear layer as one differentiable function.

As stock operators the head reads and writes some forty arrays of 1.6 million values a picture, and that, not the
backbones, is where training time goes. Here a block of one picture after the other passes through a working set that
stays in cache, only the feature maps and seeds are kept for the backward pass, and the product is computed again there.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from crbl_training.model.bilinear_pooling import FLOOR

DROPOUT = 0.5
# A block of so many rows of 1280 values in float32 takes 1.3 MB.
ROWS_AT_ONCE = 256
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
            masks = _dropout_masks(seeds[pictures], matrix.shape) if seeds is not None else None
            total = squared_norm = torch.zeros(len(a), dtype=a.dtype, device=a.device)
            for rows in _row_blocks(a):
                product = _product(a[:, rows], b)
                floored = product.abs().clamp_min_(FLOOR)
                squared_norm = squared_norm + floored.sum((1, 2))
                rooted = floored.rsqrt_().mul_(product)
                if masks is not None:
                    rooted.mul_(_as_factors(masks[:, rows], matrix))
                total = total + rooted.mul_(matrix[rows]).sum((1, 2))
            sums.append(total)
            squared_norms.append(squared_norm)
        squared_norm = torch.cat(squared_norms)
        centred = torch.cat(sums) * torch.rsqrt(squared_norm) * _scale(seeds)
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
        through_root = gradient * torch.rsqrt(squared_norms) * _scale(ctx.seeds)
        through_norm = gradient * centred / squared_norms * -0.5
        weight_gradient = torch.zeros_like(matrix) if needs_weight else None
        first_gradients, second_gradients = [], []
        for pictures, a, b in _portions(first, second):
            masks = _dropout_masks(ctx.seeds[pictures], matrix.shape) if ctx.seeds is not None else None
            root_scale, norm_scale = (each[pictures].view(-1, 1, 1) for each in (through_root, through_norm))
            first_gradient, second_gradient = [], torch.zeros_like(b)
            for rows in _row_blocks(a):
                product = _product(a[:, rows], b)
                mask = _as_factors(masks[:, rows], matrix) if masks is not None else None
                if weight_gradient is not None:
                    rooted = product.abs().clamp_min_(FLOOR).rsqrt_().mul_(product).mul_(root_scale)
                    if mask is not None:
                        rooted.mul_(mask)
                    weight_gradient[rows].add_(rooted[0] if len(a) == 1 else rooted.sum(0))
                if not (needs_first or needs_second):
                    continue
                slope = product.abs().clamp_min_(ctx.root_floor).rsqrt_().mul_(matrix[rows]).mul_(root_scale * 0.5)
                if mask is not None:
                    slope.mul_(mask)
                slope.add_(torch.sign(product).mul_(norm_scale))
                first_gradient.append(torch.bmm(slope, b))
                second_gradient = second_gradient + torch.bmm(slope.transpose(1, 2), a[:, rows])
            if needs_first or needs_second:
                first_gradients.append(torch.cat(first_gradient, dim=1) / a.shape[2])
                second_gradients.append(second_gradient / a.shape[2])
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


def _scale(seeds: tuple[int, ...] | None) -> float:
    """What dropout multiplies the values by that it keeps."""
    return 1 / (1 - DROPOUT) if seeds is not None else 1.0


def _portions(first: Tensor, second: Tensor) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """One picture at a time on the CPU, where the cache is what counts; a few on a GPU, where memory is."""
    at_once = 1 if first.device.type == "cpu" else 8
    # An empty batch is one empty portion, so that there is something to concatenate.
    for start in range(0, max(len(first), 1), at_once):
        pictures = slice(start, start + at_once)
        yield pictures, first[pictures], second[pictures]


def _row_blocks(first: Tensor) -> list[slice]:
    """Which rows of the product are computed together: as many as stay in a core's cache, on a GPU all."""
    rows = first.shape[1]
    at_once = ROWS_AT_ONCE if first.device.type == "cpu" else rows
    return [slice(start, start + at_once) for start in range(0, rows, at_once)]


def _dropout_masks(seeds: tuple[int, ...], shape: torch.Size) -> Tensor:
    """What dropout keeps, one mask a seed: uint8 [len(seeds), C, C] of 0 and 1, on the CPU.

    One random bit decides a value: sixty times faster than drawing a float for each.
    """
    rows, columns = shape
    words = torch.empty(len(seeds), -(-rows * columns // 64), dtype=torch.int64)
    generator = torch.Generator()
    for picture, seed in zip(words, seeds, strict=True):
        picture.random_(-(2**63), None, generator=generator.manual_seed(seed))
    bits = np.unpackbits(words.numpy().view(np.uint8), axis=1, count=rows * columns)
    return torch.from_numpy(bits).view(len(seeds), rows, columns)


def _as_factors(mask: Tensor, like: Tensor) -> Tensor:
    return mask.to(like.device).to(like.dtype)
