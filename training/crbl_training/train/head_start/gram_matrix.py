"""Inner products of the images' pooled features, without ever holding the features of all images.

An image has 1,638,400 of them (6.6 MB), and all that logistic regression needs to know about them is the inner product
of every two images. They are added up over blocks of the first backbone's channels.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg.blas import dsyrk
from torch import Tensor
from tqdm import tqdm

from crbl_training.model.bilinear_pooling import FLOOR
from crbl_training.train.head_start.feature_maps import FeatureMaps, Tile

# Of one block of pooled features, in bytes: those of one channel for 3,276 images.
BLOCK_BYTES = 2**25
# Images whose products are computed at a time, so that they stay in the processor's cache.
POOLED_AT_ONCE = 32
# Images whose products with the landmarks are computed at a time. For each, the landmarks are pooled anew.
ROWS_AT_ONCE = 1024


def gram_matrix(maps: FeatureMaps) -> NDArray[np.float64]:
    """Inner products of all images with all images: float64 [N, N], symmetric, close to 1 on the diagonal.

    In float64: with trained backbones the features of two images differ by so little that float32's rounding of the
    products moves the logits of the regression by 0.1.
    """
    matrix, spans = np.empty((maps.count, maps.count)), _spans(maps)
    with _progress(len(spans) * (len(spans) + 1) // 2) as bar:
        for number, rows in enumerate(spans):
            tile = maps.tile(number)
            matrix[rows, rows] = _products_with_itself(tile, bar)
            for other, columns in enumerate(spans[:number]):
                products = _products(tile, maps.tile(other), bar)
                matrix[rows, columns], matrix[columns, rows] = products, products.T
    return matrix


def gram_of(tile: Tile) -> NDArray[np.float64]:
    """Inner products of the images of one tile: float64 [n, n]."""
    with _progress(1) as bar:
        return _products_with_itself(tile, bar)


def gram_columns(maps: FeatureMaps, landmarks: Tile) -> Iterator[NDArray[np.float64]]:
    """Inner products of all images, in order and some at a time, with some of them: float64 [n, m] each."""
    parts = torch.arange(maps.count).split(ROWS_AT_ONCE)
    with _progress(len(parts)) as bar:
        for images in parts:
            yield _products(maps.of(images), landmarks, bar)


def pooled_channels(tile: Tile, channels: slice) -> tuple[Tensor, Tensor]:
    """The signed roots of the products of some channels of the first backbone with all of the second.

    Returns:
        float64 [n, c * C], not yet normalised, and the sum of what was under the roots, float64 [n]: summed over all
        channels it is the squared norm that the head divides by.
    """
    first, positions = tile.first[:, channels], tile.first.shape[2]
    rooted = torch.empty(len(tile), first.shape[1], tile.second.shape[1], dtype=torch.float64)
    under_roots = torch.empty(len(tile), dtype=torch.float64)
    for start in range(0, len(tile), POOLED_AT_ONCE):
        some = slice(start, start + POOLED_AT_ONCE)
        # The root of a product close to 0 makes much of its rounding, which differs with the shape of the block.
        second = tile.second[some].double().transpose(1, 2)
        products = torch.bmm(first[some].double() / positions, second)
        floored = products.abs().clamp_min_(FLOOR)
        under_roots[some] = floored.sum((1, 2))
        rooted[some] = products.mul_(floored.rsqrt_())
    return rooted.flatten(1), under_roots


def channel_blocks(tile: Tile, images: int) -> Iterator[slice]:
    """All channels of the first backbone, as many at a time as fit into BLOCK_BYTES for so many images."""
    channels, columns = tile.first.shape[1], tile.second.shape[1]
    at_once = max(BLOCK_BYTES // (8 * images * columns), 1)
    for start in range(0, channels, at_once):
        yield slice(start, min(start + at_once, channels))


def _products_with_itself(tile: Tile, bar: tqdm) -> NDArray[np.float64]:
    total, squared_norms = np.zeros((len(tile), len(tile))), np.zeros(len(tile))
    for channels in _with_progress(channel_blocks(tile, len(tile)), tile, bar):
        squared_norms += _add_products_with_itself(total, tile, channels)
    total /= np.sqrt(squared_norms)[:, None]
    total /= np.sqrt(squared_norms)
    for image in range(len(tile)):
        total[image:, image] = total[image, image:]
    return total


def _products(rows: Tile, columns: Tile, bar: tqdm) -> NDArray[np.float64]:
    total = np.zeros((len(rows), len(columns)))
    row_norms, column_norms = np.zeros(len(rows)), np.zeros(len(columns))
    for channels in _with_progress(channel_blocks(rows, len(rows) + len(columns)), rows, bar):
        products, row_roots, column_roots = _block(rows, columns, channels)
        total += products
        row_norms += row_roots
        column_norms += column_roots
    total /= np.sqrt(row_norms)[:, None]
    total /= np.sqrt(column_norms)
    return total


# Functions of their own, so that a block's pooled features are gone before those of the next are computed.
def _add_products_with_itself(total: NDArray[np.float64], tile: Tile, channels: slice) -> NDArray[np.float64]:
    """Add to the upper half of `total`, in place; gives back what was under the roots, float64 [n]."""
    pooled, under_roots = pooled_channels(tile, channels)
    # BLAS counts columns first: its lower half of the transposed matrix is the upper one. Half takes half the time.
    dsyrk(1.0, pooled.numpy().T, beta=1.0, c=total.T, trans=1, lower=1, overwrite_c=1)
    return under_roots.numpy()


def _block(
    rows: Tile, columns: Tile, channels: slice
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The products, and what was under the roots of either."""
    row_pooled, row_roots = pooled_channels(rows, channels)
    column_pooled, column_roots = pooled_channels(columns, channels)
    return (row_pooled @ column_pooled.T).numpy(), row_roots.numpy(), column_roots.numpy()


def _with_progress(blocks: Iterable[slice], tile: Tile, bar: tqdm) -> Iterator[slice]:
    for channels in blocks:
        yield channels
        bar.update((channels.stop - channels.start) / tile.first.shape[1])


def _progress(passes: int) -> tqdm:
    form = "{l_bar}{bar}| {elapsed}<{remaining}"
    return tqdm(total=passes, desc="Gram matrix", bar_format=form, leave=False, disable=None)


def _spans(maps: FeatureMaps) -> list[slice]:
    """The rows of either tile."""
    return [slice(int(images[0]), int(images[-1]) + 1) for images in maps.tile_images]
