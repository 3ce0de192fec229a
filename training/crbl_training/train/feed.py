"""What a training run is fed with: its batches, one after the other, ready for a step."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from crbl_runtime.counted import counted
from crbl_runtime.predict_many import default_workers as usable_cores
from crbl_training.data.view_dataset import numbered_views
from crbl_training.data.view_loading import loaded_views
from crbl_training.process_group import launched_shard
from crbl_training.train.activations import ActivationSource, ComputedActivations, ImageByImage
from crbl_training.train.batch import Batch, DrawnBatches
from crbl_training.train.recipe import Recipe

# A worker takes seconds to start, in which one process draws some 10,000 views.
SMALL_SET = 1000
MOST_WORKERS = 4


@dataclass(frozen=True)
class Feed:
    """Batches, and the source that is called with their inputs for the frozen activations, float32 [N, ...] each."""

    batches: Iterator[Batch]
    source: Callable[..., tuple[Tensor, Tensor]]


@contextmanager
def training_feed(
    source: ActivationSource,
    drawn: DrawnBatches,
    workers: int | None,
    device: torch.device,
    notify: Callable[[str], None],
) -> Iterator[Feed]:
    """Feeds a run within the block, after which no worker is left.

    Args:
        workers: processes that draw augmented views, see `loaded_views`; None for what fits, see `workers_that_fit`.
        notify: is called with what a user should know of the workers.

    Raises:
        UnavailableError: a worker has failed.
    """
    if not isinstance(source, ComputedActivations | ImageByImage):
        if workers:
            notify(f"{counted(workers, 'worker')} not started: the activations of the training images are cached")
        yield Feed(_labelled(drawn, iter(drawn)), source)
        return
    if workers is None:
        workers = workers_that_fit(drawn.recipe, len(drawn.labels), device)
    if workers:
        notify(f"Views of the training images come from {counted(workers, 'worker')}")
    numbers = (numbered_views(images, views) for images, views in drawn)
    with loaded_views(source.dataset, numbers, workers, pin_memory=device.type == "cuda") as loaded:
        pixels = ((views,) for views in loaded)
        yield Feed(_labelled(drawn, pixels), source.of_pixels)


def workers_that_fit(recipe: Recipe, images: int, device: torch.device) -> int:
    """How many workers to start where the user gives no number.

    A GPU would wait for views that are drawn between its batches; so it gets a worker for each core that this process
    has beside its own, up to MOST_WORKERS. There are none where the CPU trains, which has no core to spare, where
    nothing is augmented, and where a set is so small that their start would take longer than all of its views.
    """
    if device.type == "cpu" or recipe.augment == "none" or images < SMALL_SET:
        return 0
    return min(max(usable_cores() // launched_shard().world_size - 1, 0), MOST_WORKERS)


def _labelled(drawn: DrawnBatches, inputs: Iterator[tuple[Tensor, ...]]) -> Iterator[Batch]:
    for (images, _), of_batch in zip(drawn, inputs, strict=True):
        yield Batch(of_batch, drawn.labels[images])
