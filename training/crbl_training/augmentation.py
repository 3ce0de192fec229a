"""Augmentation of training pictures, on the CPU, with torchvision."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

SCALE = (0.8, 1.2)


def augmentation_named(name: str, image_size: int) -> v2.Transform | None:
    """The augmentation of this name for prepared pictures of this size; None for "none"."""
    return original_augmentation(image_size) if name == "original" else None


def original_augmentation(image_size: int) -> v2.Transform:
    """The original recipe's: rotation by a multiple of 90 degrees, both flips, scale 0.8 to 1.2.

    What a smaller scale uncovers at the edges continues the picture's own edge, whatever its background is.
    """
    margin = math.ceil(image_size * (1 / SCALE[0] - 1) / 2)
    return v2.Compose(
        [
            v2.RandomChoice([v2.RandomRotation((degrees, degrees)) for degrees in (0, 90, 180, 270)]),
            v2.RandomHorizontalFlip(),
            v2.RandomVerticalFlip(),
            v2.Pad(margin, padding_mode="edge"),
            v2.RandomAffine(degrees=0, scale=SCALE, interpolation=InterpolationMode.BILINEAR),
            v2.CenterCrop(image_size),
        ]
    )


def augment(images: Tensor, transform: v2.Transform, seeds: Sequence[int]) -> Tensor:
    """Augment each picture by its own seed: uint8 [N, H, W, 3] -> uint8 [N, H, W, 3].

    The state of torch's global generator is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        return torch.stack([_view(image, transform, seed) for image, seed in zip(images, seeds, strict=True)])


def _view(image: Tensor, transform: v2.Transform, seed: int) -> Tensor:
    torch.manual_seed(seed)
    view: Tensor = transform(image.permute(2, 0, 1)).permute(1, 2, 0)
    return view
