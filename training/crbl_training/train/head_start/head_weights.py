"""From the weight of each image back to the weights of the head."""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crbl_training.train.head_start.feature_maps import Tile
from crbl_training.train.head_start.gram_matrix import pooled_channels

# Their pooled features take 105 MB.
IMAGES_AT_ONCE = 8


def head_weights(tiles: Iterable[Tile], image_weights: NDArray[np.float64]) -> Tensor:
    """The sum of the images' pooled, normalised features, each times its weight.

    Args:
        tiles: with m images in all, in the order of their weights. image_weights: [m].

    Returns:
        float64 [C * C], the first backbone's channel major.
    """
    pieces = (piece for tile in tiles for piece in tile.split(IMAGES_AT_ONCE))
    total, done = torch.zeros(1, dtype=torch.float64), 0
    for piece in pieces:
        pooled, squared_norms = pooled_channels(piece, slice(None))
        weights = torch.from_numpy(image_weights[done : done + len(piece)])
        total = total + (weights * squared_norms.rsqrt()) @ pooled
        done += len(piece)
    return total
