"""Augmentation of training images, on the CPU, with torchvision."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

from crbl_runtime.errors import UsageError
from crbl_training.options import AUGMENTATIONS
from crbl_training.seeds import derive_seed

SCALE = (0.8, 1.2)
# "strong" adds what differs between two images of one object on one line. An impurity has to stay what it is,
# so each range ends where a person would begin to doubt the label.
ROTATION = 10.0  # Degrees to either side: an object lies askew. More would push corners out, and with them impurities.
TRANSLATION = 0.04  # Of the side: the region is found a few pixels off. At scale 1.2 this cuts off up to an eighth.
BRIGHTNESS = CONTRAST = 0.2  # Lamps age and exposures drift. What is darker than its surroundings stays darker.
BLUR = (0.3, 0.8)  # Sigma in pixels: a focus slightly off. A speck of 3 × 3 pixels keeps nine tenths of its contrast.
BLUR_KERNEL = 5
NOISE = 0.02  # Deviation, of the full range: 5 grey levels, as of a small camera in poor light.


def get_augmentation(name: str, image_size: int) -> v2.Transform | None:
    """The augmentation of this name for prepared images of this size; None for "none".

    Raises:
        UsageError: the name is none of `AUGMENTATIONS`.
    """
    match name:
        case "original":
            return original_augmentation(image_size)
        case "strong":
            return strong_augmentation(image_size)
        case "none":
            return None
    raise UsageError(f"augment is {name!r}, expected {' or '.join(map(repr, AUGMENTATIONS))}.")


def original_augmentation(image_size: int) -> v2.Transform:
    """The original recipe's: rotation by a multiple of 90 degrees, both flips, scale 0.8 to 1.2.

    What a smaller scale uncovers at the edges continues the image's own edge, whatever its background is.
    """
    margin = math.ceil(image_size * (1 / SCALE[0] - 1) / 2)
    return v2.Compose(
        [
            *_orientations(),
            v2.Pad(margin, padding_mode="edge"),
            v2.RandomAffine(degrees=0, scale=SCALE, interpolation=InterpolationMode.BILINEAR),
            v2.CenterCrop(image_size),
        ]
    )


def strong_augmentation(image_size: int) -> v2.Transform:
    """The original's, and small free rotations and shifts, brightness and contrast, in every third image a slight
    blur and in every second noise.
    """
    margin = math.ceil(image_size * _uncovered()) + 1
    shift = TRANSLATION * image_size / (image_size + 2 * margin)
    return v2.Compose(
        [
            *_orientations(),
            # In float until the end: rounding after each step would add up, and noise on uint8 needs torchvision 0.20.
            v2.ToDtype(torch.float32, scale=True),
            v2.Pad(margin, padding_mode="edge"),
            v2.RandomAffine(ROTATION, (shift, shift), SCALE, interpolation=InterpolationMode.BILINEAR),
            v2.CenterCrop(image_size),
            v2.ColorJitter(brightness=BRIGHTNESS, contrast=CONTRAST),
            v2.RandomApply([v2.GaussianBlur(BLUR_KERNEL, BLUR)], p=1 / 3),
            v2.RandomApply([v2.GaussianNoise(sigma=NOISE)], p=1 / 2),
            v2.ToDtype(torch.uint8, scale=True),
        ]
    )


def augment(images: Tensor, transform: v2.Transform, seeds: Sequence[int] | Tensor) -> Tensor:
    """Augment each image by a seed of its own: uint8 [N, H, W, 3] -> uint8 [N, H, W, 3].

    An image's view depends on its seed alone, not on its neighbours or its place among them. The state of torch's
    global generators is left as it was.

    Args:
        seeds: N seeds, 0 to 2^63 - 1 each.
    """
    with torch.random.fork_rng(devices=[]):
        return torch.stack([_view(image, transform, int(seed)) for image, seed in zip(images, seeds, strict=True)])


def _view(image: Tensor, transform: v2.Transform, seed: int) -> Tensor:
    # The CPU's generator alone, which is what torchvision draws from: torch.manual_seed would set a GPU's, too.
    # Mixed first, because this generator takes the lower 32 bits only.
    torch.default_generator.manual_seed(derive_seed(seed))
    view: Tensor = transform(image.permute(2, 0, 1)).permute(1, 2, 0)
    return view


def _orientations() -> list[v2.Transform]:
    return [
        v2.RandomChoice([v2.RandomRotation((degrees, degrees)) for degrees in (0, 90, 180, 270)]),
        v2.RandomHorizontalFlip(),
        v2.RandomVerticalFlip(),
    ]


def _uncovered() -> float:
    """How far beyond an edge the strong augmentation can look, as a share of the side.

    A corner of the view, (1/2, 1/2), is moved by the shift, turned and divided by the smallest scale.
    """
    angle = math.radians(ROTATION)
    return (0.5 + TRANSLATION) * (math.cos(angle) + math.sin(angle)) / SCALE[0] - 0.5
