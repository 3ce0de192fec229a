"""What the learning part of the model starts from: the activations before the first thing that learns."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.data.augmentation import Augmentation
from crbl_training.data.mapped_images import Images
from crbl_training.data.view_dataset import ViewDataset, numbered_views
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.model.folded_copy import FoldedFrozenPart
from crbl_training.model.network_input import network_input

# Images' numbers and views' numbers, int64 [N] each -> both backbones' activations, float32 [N, ...] on the device.
ActivationSource = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class ComputedActivations:
    """Computes an image's activations whenever they are asked for.

    Attributes:
        model: on the device, with the weights that its frozen part is to have.
        images: uint8 [N, H, W, 3], RGB. augmentation: None for the images as they are.
        seed: with an image's number and a view's number it decides how that view of the image looks.
    """

    model: CRBLDualModel
    images: Images
    spec: PreprocessingSpec
    augmentation: Augmentation | None
    seed: int
    device: torch.device

    @cached_property
    def frozen_part(self) -> FoldedFrozenPart:
        """A copy of what is frozen in the model, made when it is first needed."""
        return FoldedFrozenPart.of(self.model)

    @property
    def dataset(self) -> ViewDataset:
        """Gives the views that the activations are those of."""
        return ViewDataset(self.images, self.augmentation, self.seed)

    def __call__(self, indices: Tensor, views: Tensor) -> tuple[Tensor, Tensor]:
        return self.of_pixels(self.dataset[numbered_views(indices, views)])

    @torch.no_grad()
    def of_pixels(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """The activations of views that are drawn already, uint8 [N, H, W, 3]."""
        # torch-directml must not be asked for a copy that goes on behind the program's back.
        on_device = pixels.to(self.device, non_blocking=self.device.type == "cuda")
        return self.frozen_part(network_input(on_device, self.spec))


@dataclass(frozen=True)
class ImageByImage:
    """Computes each image alone, so that its activations are the same bits whatever else is in the batch.

    In a batch they are not: elementwise loops of PyTorch's CPU operators work on whole vectors and finish with single
    values, for which exp and other functions are other approximations. Where an image's values fall depends on its
    place in the batch. oneDNN chooses its kernels by the batch's size besides.
    """

    computed: ComputedActivations

    @property
    def dataset(self) -> ViewDataset:
        """Gives the views that the activations are those of."""
        return self.computed.dataset

    def __call__(self, indices: Tensor, views: Tensor) -> tuple[Tensor, Tensor]:
        return self.of_pixels(self.dataset[numbered_views(indices, views)])

    def of_pixels(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """The activations of views that are drawn already, uint8 [N, H, W, 3]."""
        alone = [self.computed.of_pixels(image) for image in pixels.split(1)]
        first, second = (torch.cat(activations) for activations in zip(*alone, strict=True))
        return first, second
