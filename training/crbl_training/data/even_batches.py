"""Batches that all have the same size, so that each image's result is the same whatever it is computed for.

oneDNN and other libraries choose their kernels by the size of a batch, and kernels differ in the last bits.
"""

from collections.abc import Iterator

import torch
from torch import Tensor


def even_size(count: int, at_most: int) -> int:
    """The size of batches that hold `count` rows in as few batches of up to `at_most` as can be."""
    batches = max(-(-count // at_most), 1)
    return max(-(-count // batches), 1)


def batches_of_size(rows: Tensor, size: int) -> Iterator[Tensor]:
    """All rows [N, ...], in batches of `size`; the last one is filled up with rows from the beginning."""
    for start in range(0, len(rows), size):
        yield rows[torch.arange(start, start + size).remainder(len(rows))]
