"""Augmentation of training images: what may be drawn, and an image's view from its seed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from crbl_runtime.errors import UsageError
from crbl_training.data.drawn_view import DrawnView, render_view
from crbl_training.options import AUGMENTATIONS

SCALE = (0.8, 1.2)
# "strong" adds what differs between two images of one object on one line. An impurity has to stay what it is,
# so each range ends where a person would begin to doubt the label.
ROTATION = 10.0  # Degrees to either side: an object lies askew. More would push corners out, and with them impurities.
TRANSLATION = 0.04  # Of the side: the region is found a few pixels off. At scale 1.2 this cuts off up to an eighth.
BRIGHTNESS = CONTRAST = 0.2  # Lamps age and exposures drift. What is darker than its surroundings stays darker.
BLUR = (0.3, 0.8)  # Sigma in pixels: a focus slightly off. A speck of 3 × 3 pixels keeps nine tenths of its contrast.
NOISE = 0.02  # Deviation, of the full range: 5 grey levels, as of a small camera in poor light.


@dataclass(frozen=True)
class Augmentation:
    """The ranges that a view's parameters are drawn from, each evenly; the defaults are the original recipe's.

    A view is turned by a multiple of 90 degrees and mirrored, each of the eight orientations as often, and scaled.
    What a smaller scale uncovers at the edges continues the image's own edge, whatever its background is.

    Attributes:
        scale: smallest and largest. rotation: degrees to either side, beside the multiples of 90.
        translation: to either side, of the image's side. brightness, contrast: how far the factors go from 1.
        blur, noise: see `DrawnView`. blur_share, noise_share: of the views that have one, 0 to 1.
    """

    scale: tuple[float, float] = SCALE
    rotation: float = 0.0
    translation: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    blur: tuple[float, float] = BLUR
    blur_share: float = 0.0
    noise: float = NOISE
    noise_share: float = 0.0


ORIGINAL = Augmentation()
STRONG = Augmentation(
    rotation=ROTATION,
    translation=TRANSLATION,
    brightness=BRIGHTNESS,
    contrast=CONTRAST,
    blur_share=1 / 3,
    noise_share=1 / 2,
)


def get_augmentation(name: str) -> Augmentation | None:
    """The augmentation of this name; None for "none".

    Raises:
        UsageError: the name is none of `AUGMENTATIONS`.
    """
    match name:
        case "original":
            return ORIGINAL
        case "strong":
            return STRONG
        case "none":
            return None
    raise UsageError(f"augment is {name!r}, expected {' or '.join(map(repr, AUGMENTATIONS))}.")


def augment(images: Tensor, augmentation: Augmentation, seeds: Sequence[int] | Tensor) -> Tensor:
    """Augment each image by a seed of its own: uint8 [N, H, W, 3] -> uint8 [N, H, W, 3].

    An image's view depends on its seed alone, not on its neighbours or its place among them. No global generator is
    read or changed.

    Args:
        seeds: N seeds, 0 to 2^63 - 1 each.
    """
    views = torch.empty_like(images)
    for image, view, seed in zip(images.numpy(), views.numpy(), seeds, strict=True):
        view[:] = render_view(image, draw_view(augmentation, int(seed)))
    return views


def draw_view(augmentation: Augmentation, seed: int) -> DrawnView:
    """The parameters of one view; a pure function of its arguments.

    PCG64's raw numbers are the same with every version of numpy, while what numpy makes of them may change.
    """
    raw = np.random.PCG64(seed).random_raw(11).tolist()
    orientation, scale, angle, right, down, brightness, contrast, blurred, sigma, noisy = (
        (number >> 11) / 2**53 for number in raw[:10]
    )
    chosen, shift = int(orientation * 8), augmentation.translation
    return DrawnView(
        quarter_turns=chosen % 4,
        mirrored=chosen >= 4,
        scale=_between(augmentation.scale, scale),
        rotation=_around(0.0, augmentation.rotation, angle),
        shift=(_around(0.0, shift, right), _around(0.0, shift, down)),
        brightness=_around(1.0, augmentation.brightness, brightness),
        contrast=_around(1.0, augmentation.contrast, contrast),
        blur=_between(augmentation.blur, sigma) if blurred < augmentation.blur_share else 0.0,
        noise=augmentation.noise if noisy < augmentation.noise_share else 0.0,
        noise_seed=raw[10],
    )


def _between(limits: tuple[float, float], drawn: float) -> float:
    return limits[0] + (limits[1] - limits[0]) * drawn


def _around(middle: float, distance: float, drawn: float) -> float:
    return middle + distance * (2 * drawn - 1)
