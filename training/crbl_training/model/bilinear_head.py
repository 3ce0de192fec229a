"""Bilinear pooling, dropout and the linear layer as one differentiable function.

As stock operators the head reads and writes some forty arrays of 1.6 million values an image, and that, not the
backbones, is where training time goes. Here a block of one image after the other passes through a working set that
stays in cache, only the feature maps and seeds are saved for the backward pass, and the product is computed again
there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from crbl_training.model.bilinear_pooling import FLOOR
from crbl_training.options import DEFAULT_ROOT_FLOOR

DROPOUT = 0.5
# On the CPU, two megabytes in float32: a few buffers of this size stay in cache.
TILE_VALUES = 2**19


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
        dropout_seeds: int64 [N], CPU: drop half of each image's pooled values, chosen by its seed, and double the
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
    # In float32, because float16 cannot sum so many values.
    @torch.amp.custom_fwd(device_type="cuda", cast_inputs=torch.float32)  # type: ignore[untyped-decorator]
    def forward(
        ctx: Any,
        first: Tensor,
        second: Tensor,
        weight: Tensor,
        bias: Tensor,
        seeds: tuple[int, ...] | None,
        root_floor: float,
    ) -> Tensor:
        matrices = _tiles(weight, first)
        sums, squared_norms = [], []
        for portion in _portions(first, second, seeds, buffers=2):
            product, work = portion.buffers
            torch.bmm(portion.first, portion.second.transpose(1, 2), out=product)
            torch.abs(product, out=work).clamp_min_(FLOOR)
            squared_norms.append(work.sum((1, 2)))
            rooted = work.rsqrt_().mul_(product)
            if portion.dropout_mask is not None:
                rooted.mul_(product.copy_(portion.dropout_mask))
            sums.append(rooted.mul_(matrices[portion.tile]).sum((1, 2)))
        squared_norm = _sum_over_tiles(squared_norms, len(matrices))
        scale = 1 / (1 - DROPOUT) if seeds is not None else 1.0
        centred = _sum_over_tiles(sums, len(matrices)) * torch.rsqrt(squared_norm) * scale
        ctx.save_for_backward(first, second, weight, centred, squared_norm)
        ctx.seeds, ctx.scale, ctx.root_floor = seeds, scale, root_floor
        return centred + bias

    @staticmethod
    @torch.amp.custom_bwd(device_type="cuda")  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        first, second, weight, centred, squared_norm = ctx.saved_tensors
        (gradient,) = gradients
        needs_first, needs_second, needs_weight, needs_bias = ctx.needs_input_grad[:4]
        inverse_norm = torch.rsqrt(squared_norm)
        # d loss / d (W S) of the values that dropout leaves, and beside it the term that comes through the norm.
        through_root = gradient * inverse_norm * ctx.scale
        through_norm = centred * inverse_norm * (-1 / ctx.scale)
        steepest = ctx.root_floor**-0.5
        matrices = _tiles(weight, first)
        weight_gradients = [torch.zeros_like(matrix) for matrix in matrices] if needs_weight else []
        first_gradients, second_gradients = [], []
        for portion in _portions(first, second, ctx.seeds, buffers=3):
            product, inverse_root, work = portion.buffers
            torch.bmm(portion.first, portion.second.transpose(1, 2), out=product)
            torch.abs(product, out=inverse_root).clamp_min_(FLOOR).rsqrt_()
            if portion.dropout_mask is not None:
                inverse_root.mul_(work.copy_(portion.dropout_mask))
            if needs_weight:
                rooted = torch.mul(inverse_root, product, out=work)
                for one, factor in zip(rooted, through_root[portion.images], strict=True):
                    weight_gradients[portion.tile].addcmul_(one, factor)
            if not (needs_first or needs_second):
                continue
            slope = inverse_root.clamp_max_(steepest).mul_(matrices[portion.tile])
            slope.addcmul_(product.sign_(), through_norm[portion.images].view(-1, 1, 1))
            first_gradients.append(torch.bmm(slope, portion.second).flatten(0, 1))
            second_gradients.append(torch.bmm(slope.transpose(1, 2), portion.first))
        outer = (through_root * 0.5).view(-1, 1, 1)
        return (
            torch.cat(first_gradients).view_as(first) * (outer / first.shape[2]) if needs_first else None,
            _sum_over_tiles(second_gradients, len(matrices)) * outer if needs_second else None,
            torch.cat(weight_gradients).view(1, -1) if needs_weight else None,
            gradient.sum().view(1) if needs_bias else None,
            None,
            None,
        )


@dataclass(frozen=True)
class _Portion:
    """What is worked on at a time: some rows of the products of some images.

    Attributes:
        images: which. tile: which rows, a number.
        first: float [n, rows, K], those rows of the first map, divided by K. second: float [n, C, K].
        dropout_mask: uint8 [n, rows, C], 0 where dropout drops a value, else 1; None without dropout.
        buffers: float [n, rows, C] each. They are the same memory in every portion: fresh memory of that size takes as
            long to map as to fill, and fragments the heap.
    """

    images: slice
    tile: int
    first: Tensor
    second: Tensor
    dropout_mask: Tensor | None
    buffers: list[Tensor]


def _portions(first: Tensor, second: Tensor, seeds: tuple[int, ...] | None, buffers: int) -> Iterator[_Portion]:
    at_once, height = _images_at_once(first), _tile_height(first)
    memory: list[Tensor] = []
    # An empty batch is one empty portion, so that there is something to concatenate.
    for start in range(0, max(len(first), 1), at_once):
        images = slice(start, start + at_once)
        scaled, b = first[images] / first.shape[2], second[images]
        mask = _dropout_mask(seeds[images], first.shape[1], second) if seeds is not None else None
        for tile, a in enumerate(torch.split(scaled, height, dim=1)):
            shape = (len(a), a.shape[1], b.shape[1])
            if not memory or memory[0].shape != shape:
                memory = [first.new_empty(shape) for _ in range(buffers)]
            mask_here = mask[:, tile * height : (tile + 1) * height] if mask is not None else None
            yield _Portion(images, tile, a, b, mask_here, memory)


def _images_at_once(first: Tensor) -> int:
    """One on the CPU, where the cache is what counts; a few on a GPU, where memory is."""
    return 1 if first.device.type == "cpu" else 8


def _tile_height(first: Tensor) -> int:
    """How many rows of a product are worked on at a time: all of them where several images are worked on at once."""
    channels = first.shape[1]
    tiles = -(-channels * channels // TILE_VALUES) if first.device.type == "cpu" else 1
    return -(-channels // tiles)


def _tiles(weight: Tensor, first: Tensor) -> tuple[Tensor, ...]:
    """The weight as a matrix, in tiles of rows."""
    return torch.split(weight.view(first.shape[1], -1), _tile_height(first))


def _sum_over_tiles(sums: list[Tensor], tiles: int) -> Tensor:
    """Sums [n, ...] of tiles, an image's tiles one after the other -> [N, ...]."""
    together = torch.cat(sums)
    return together.view(len(together) // tiles, tiles, *together.shape[1:]).sum(1)


def _dropout_mask(seeds: tuple[int, ...], rows: int, second: Tensor) -> Tensor:
    """The dropout mask of an image for each seed: uint8 [len(seeds), rows, C] of 0 and 1, on the maps' device.

    One random bit decides a value: sixty times faster than drawing a float for each.
    """
    columns = second.shape[1]
    words = torch.empty(len(seeds), -(-rows * columns // 64), dtype=torch.int64)
    generator = torch.Generator()
    for image, seed in zip(words, seeds, strict=True):
        image.random_(-(2**63), None, generator=generator.manual_seed(seed))
    bits = np.unpackbits(words.numpy().view(np.uint8), axis=1, count=rows * columns)
    return torch.from_numpy(bits).view(len(seeds), rows, columns).to(second.device)
