"""What the learning part of the model starts from: the activations before the first thing that learns."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.transforms import v2

from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.augmentation import augment
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.network_input import network_input
from crbl_training.seeds import derive_seed

# Pictures' numbers and views' numbers, int64 [N] each -> both backbones' activations, float32 [N, ...] on the device.
ActivationSource = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class ComputedActivations:
    """Computes a picture's activations whenever they are asked for.

    Attributes:
        images: uint8 [N, H, W, 3], RGB. transform: augmentation, or None for the pictures as they are.
        seed: with a picture's number and a view's number it decides how that view of the picture looks.
    """

    model: CRBLDualModel
    images: Tensor
    spec: PreprocessingSpec
    transform: v2.Transform | None
    seed: int
    device: torch.device

    @torch.no_grad()
    def __call__(self, pictures: Tensor, views: Tensor) -> tuple[Tensor, Tensor]:
        images = self.images[pictures]
        if self.transform is not None:
            pairs = zip(pictures.tolist(), views.tolist(), strict=True)
            images = augment(images, self.transform, [derive_seed(self.seed, *pair) for pair in pairs])
        return self.model.frozen_activations(network_input(images.to(self.device), self.spec))


def picture_by_picture(source: ActivationSource) -> ActivationSource:
    """Computes each picture alone, so that its activations are the same bits whatever else is in the batch.

    In a batch they are not: elementwise loops of PyTorch's CPU operators work on whole vectors and finish with single
    values, for which exp and other functions are other approximations. Where a picture's values fall depends on its
    place in the batch. oneDNN chooses its kernels by the batch's size besides.
    """

    def computed(pictures: Tensor, views: Tensor) -> tuple[Tensor, Tensor]:
        parts = [source(picture, view) for picture, view in zip(pictures.split(1), views.split(1), strict=True)]
        first, second = (torch.cat(part) for part in zip(*parts, strict=True))
        return first, second

    return computed
