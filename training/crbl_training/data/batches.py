"""Which images go into which batch: half of each from either class, or all in order in batches of one size."""

from collections.abc import Iterator

import torch
from torch import Tensor

from crbl_training.data.mapped_images import Images
from crbl_training.seeds import derive_seed


def balanced_batches(labels: Tensor, batch_size: int, seed: int, epoch: int) -> list[Tensor]:
    """The batches of one training epoch, as int64 index tensors; a pure function of its arguments.

    Half of every batch is normal and half anomalous (one more normal where the size is odd). Each class is dealt like
    a deck of cards: no image comes again before all of its class were dealt. An epoch has as many batches as it
    takes to see as many images as there are.

    Args:
        labels: float [N], 0 or 1, both present. batch_size: at least 2. epoch: from 0.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, epoch))
    count = batches_in_epoch(len(labels), batch_size)
    anomalous = batch_size // 2
    normal_deck = _deal(torch.nonzero(labels == 0).flatten(), (batch_size - anomalous) * count, generator)
    anomaly_deck = _deal(torch.nonzero(labels == 1).flatten(), anomalous * count, generator)
    halves = zip(torch.split(normal_deck, batch_size - anomalous), torch.split(anomaly_deck, anomalous), strict=True)
    return [torch.cat(pair) for pair in halves]


def batches_in_epoch(images: int, batch_size: int) -> int:
    """How many batches `balanced_batches` gives for so many images."""
    return -(-images // batch_size)


def even_size(count: int, at_most: int) -> int:
    """The size of batches that hold `count` rows in as few batches of up to `at_most` as possible."""
    batches = max(-(-count // at_most), 1)
    return max(-(-count // batches), 1)


def batches_of_size(rows: Images, size: int) -> Iterator[Tensor]:
    """All rows [N, ...], in order, in batches of `size`; the last one is filled up with rows from the beginning.

    All batches have one size, so that an image's result does not depend on which batch it is in: oneDNN and other
    libraries choose their kernels by the size of a batch, and kernels differ in the last bits.
    """
    for start in range(0, len(rows), size):
        yield rows[torch.arange(start, start + size).remainder(len(rows))]


def _deal(deck: Tensor, count: int, generator: torch.Generator) -> Tensor:
    rounds = -(-count // len(deck))
    return torch.cat([deck[torch.randperm(len(deck), generator=generator)] for _ in range(rounds)])[:count]
