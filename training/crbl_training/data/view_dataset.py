"""Images and their augmented views as a dataset of torch's: a batch of views from their numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

from crbl_training.data.augmentation import Augmentation, augment
from crbl_training.data.mapped_images import Images
from crbl_training.seeds import derive_seed

# An image's number and a view's number.
NumberedView = tuple[int, int]


@dataclass(frozen=True, eq=False)
class ViewDataset(Dataset[Tensor]):
    """Gives the views of a batch at a time; what a view looks like follows from the seed and its two numbers alone.

    Attributes:
        images: uint8 [N, H, W, 3], RGB. augmentation: None for the images as they are.
    """

    images: Images
    augmentation: Augmentation | None
    seed: int

    def __getitem__(self, batch: Sequence[NumberedView]) -> Tensor:
        """The views, uint8 [len(batch), H, W, 3]."""
        views = self.images[torch.tensor([image for image, _ in batch])]
        if self.augmentation is not None:
            views = augment(views, self.augmentation, [derive_seed(self.seed, *numbers) for numbers in batch])
        # Here an exhausted shared memory is an error that reaches the training. Where torch shares a tensor by itself,
        # a thread of the worker prints it, and the training waits for ever.
        return views.share_memory_() if get_worker_info() is not None else views


def numbered_views(images: Tensor, views: Tensor) -> list[NumberedView]:
    """Images' numbers and views' numbers, int64 [N] each, as pairs."""
    return list(zip(images.tolist(), views.tolist(), strict=True))
