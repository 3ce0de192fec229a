"""What the learning part of the model starts from: the activations before the first thing that learns."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torchvision.transforms import v2

from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.data.augmentation import augment
from crbl_training.data.mapped_images import Images
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.model.folded_copy import FoldedFrozenPart
from crbl_training.model.network_input import network_input
from crbl_training.seeds import derive_seed

# Images' numbers and views' numbers, int64 [N] each -> both backbones' activations, float32 [N, ...] on the device.
ActivationSource = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class ComputedActivations:
    """Computes an image's activations whenever they are asked for.

    Attributes:
        model: on the device, with the weights that its frozen part is to have.
        images: uint8 [N, H, W, 3], RGB. transform: augmentation, or None for the images as they are.
        seed: with an image's number and a view's number it decides how that view of the image looks.
    """

    model: CRBLDualModel
    images: Images
    spec: PreprocessingSpec
    transform: v2.Transform | None
    seed: int
    device: torch.device

    @cached_property
    def frozen_part(self) -> FoldedFrozenPart:
        """A copy of what is frozen in the model, made when it is first needed."""
        return FoldedFrozenPart.of(self.model)

    @torch.no_grad()
    def __call__(self, indices: Tensor, views: Tensor) -> tuple[Tensor, Tensor]:
        images = self.images[indices]
        if self.transform is not None:
            pairs = zip(indices.tolist(), views.tolist(), strict=True)
            images = augment(images, self.transform, [derive_seed(self.seed, *pair) for pair in pairs])
        return self.frozen_part(network_input(images.to(self.device), self.spec))


def image_by_image(source: ActivationSource) -> ActivationSource:
    """Computes each image alone, so that its activations are the same bits whatever else is in the batch.

    In a batch they are not: elementwise loops of PyTorch's CPU operators work on whole vectors and finish with single
    values, for which exp and other functions are other approximations. Where an image's values fall depends on its
    place in the batch. oneDNN chooses its kernels by the batch's size besides.
    """

    def computed(indices: Tensor, views: Tensor) -> tuple[Tensor, Tensor]:
        alone = [source(index, view) for index, view in zip(indices.split(1), views.split(1), strict=True)]
        first, second = (torch.cat(activations) for activations in zip(*alone, strict=True))
        return first, second

    return computed
