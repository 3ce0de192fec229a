"""Which images of a set a report shows."""

from collections import defaultdict
from itertools import chain, zip_longest

import torch

from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.seeds import derive_seed


def choose_images(dataset: PreparedDataset, label: int, count: int, seed: int) -> list[int]:
    """The numbers of up to `count` images of a class, at random, each kind of anomaly in turn.

    Args:
        label: 0 normal, 1 anomaly. seed: the same one chooses the same images.
    """
    of_class = torch.nonzero(dataset.labels == label).flatten()
    order = torch.randperm(len(of_class), generator=torch.Generator().manual_seed(derive_seed(seed)))
    by_kind: defaultdict[str, list[int]] = defaultdict(list)
    for number in of_class[order].tolist():
        by_kind[dataset.kinds[number] if dataset.kinds else ""].append(number)
    turns = chain.from_iterable(zip_longest(*(by_kind[kind] for kind in sorted(by_kind))))
    return [number for number in turns if number is not None][:count]
