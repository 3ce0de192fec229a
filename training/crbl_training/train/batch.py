"""The images of one step: which ones in which view, and the batch that a step is given."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from crbl_training.data.batches import balanced_batches
from crbl_training.process_group import current_shard
from crbl_training.seeds import derive_seed
from crbl_training.train.recipe import Recipe


@dataclass(frozen=True)
class Batch:
    """Images of one step, normal ones first.

    Attributes:
        inputs: what the source of their frozen activations is called with, tensors [N, ...]. labels: float32 [N].
    """

    inputs: tuple[Tensor, ...]
    labels: Tensor

    def split(self, count: int) -> list["Batch"]:
        """`count` micro-batches, each with its share of either class."""
        return [
            Batch(tuple(each[first::count] for each in self.inputs), self.labels[first::count])
            for first in range(count)
        ]


@dataclass(frozen=True)
class DrawnBatches:
    """This process's rows of every batch from one step to the last of the last epoch: (images, views), int64 [N] each.

    A pure function of its attributes, so that it can be gone through more than once.

    Attributes:
        labels: of all training images, float32 [N], 0 or 1. seed: of the training run.
        epoch, step: where to begin; epochs count from 1, steps from 0.
    """

    labels: Tensor
    recipe: Recipe
    seed: int
    epoch: int
    step: int

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        shard, first = current_shard(), self.step
        for epoch in range(self.epoch, self.recipe.epochs + 1):
            batches = balanced_batches(self.labels, self.recipe.batch_size, self.seed, epoch)
            for number in range(first, len(batches)):
                views = draw_views(len(batches[number]), self.recipe, step_seed(self.seed, epoch, number))
                yield shard.rows(batches[number]), shard.rows(views)
            first = 0


def step_seed(seed: int, epoch: int, step: int) -> int:
    """What everything random of a step follows from."""
    return derive_seed(seed, epoch, step)


def draw_views(count: int, recipe: Recipe, seed: int) -> Tensor:
    """Which augmented view of each image: one of the recipe's, or one that was never drawn before."""
    generator = torch.Generator().manual_seed(seed)
    if recipe.augment == "none":
        return torch.zeros(count, dtype=torch.int64)
    return torch.randint(recipe.views or 2**62, (count,), generator=generator)
