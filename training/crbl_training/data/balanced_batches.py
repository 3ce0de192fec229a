"""Which images go into which batch: half of each from either class."""

import torch
from torch import Tensor


def balanced_batches(labels: Tensor, batch_size: int, seed: int, epoch: int) -> list[Tensor]:
    """The batches of one epoch, as int64 index tensors; a pure function of its arguments.

    Half of every batch is normal and half anomalous (one more normal where the size is odd). Each class is dealt like
    a deck of cards: no image comes again before all of its class were dealt. An epoch has as many batches as it
    takes to see as many images as there are.

    Args:
        labels: float [N], 0 or 1, both present. batch_size: at least 2. epoch: from 0.
    """
    generator = torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**63)
    count = -(-len(labels) // batch_size)
    anomalous = batch_size // 2
    normal_deck = _deal(torch.nonzero(labels == 0).flatten(), (batch_size - anomalous) * count, generator)
    anomaly_deck = _deal(torch.nonzero(labels == 1).flatten(), anomalous * count, generator)
    halves = zip(normal_deck.split(batch_size - anomalous), anomaly_deck.split(anomalous), strict=True)
    return [torch.cat(pair) for pair in halves]


def _deal(deck: Tensor, count: int, generator: torch.Generator) -> Tensor:
    rounds = -(-count // len(deck))
    return torch.cat([deck[torch.randperm(len(deck), generator=generator)] for _ in range(rounds)])[:count]
