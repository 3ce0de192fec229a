"""From the weight of each image back to the weights of the head."""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crbl_training.train.head_start.feature_maps import Tile
from crbl_training.train.head_start.gram_matrix import channel_blocks, pooled_channels


def head_weights(tiles: Iterable[Tile], image_weights: NDArray[np.float64]) -> Tensor:
    """The sum of the images' pooled, normalised features, each times its weight.

    Args:
        tiles: with m images in all, in the order of their weights. image_weights: [m].

    Returns:
        float64 [C * C], the first backbone's channel major.
    """
    total, done = torch.zeros(1, dtype=torch.float64), 0
    for tile in tiles:
        total = total + _weighted_sum(tile, torch.from_numpy(image_weights[done : done + len(tile)]))
        done += len(tile)
    return total


def _weighted_sum(tile: Tile, weights: Tensor) -> Tensor:
    # Pooled twice, because the norms are of all channels: a block at a time, that is quicker than whole images.
    blocks = list(channel_blocks(tile, len(tile)))
    squared_norms = torch.zeros(len(tile), dtype=torch.float64)
    for channels in blocks:
        squared_norms += pooled_channels(tile, channels)[1]
    scaled = weights * squared_norms.rsqrt()
    return torch.cat([scaled @ pooled_channels(tile, channels)[0] for channels in blocks])
