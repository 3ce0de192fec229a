"""augmentation.py: eight orientations, a scale, and no invented edges."""

import numpy as np
import pytest
import torch
from torchvision.transforms import v2

from crbl_training.augmentation import SCALE, augment, original_augmentation
from crbl_training.seeds import derive_seed


def letter(size: int) -> torch.Tensor:
    """A picture like no rotation or reflection of itself: uint8 [1, size, size, 3], a dark F on light grey."""
    image = torch.full((1, size, size, 3), 200, dtype=torch.uint8)
    unit = size // 8
    image[0, unit * 2 : unit * 6, unit * 3 : unit * 4] = 20
    image[0, unit * 2 : unit * 3, unit * 3 : unit * 6] = 20
    image[0, unit * 4 : unit * 5, unit * 3 : unit * 5] = 20
    return image


def orientations(image: torch.Tensor) -> list[torch.Tensor]:
    turned = [torch.rot90(image, turns, (0, 1)) for turns in range(4)]
    return turned + [picture.flip(1) for picture in turned]


def augment_all(images: torch.Tensor, transform: v2.Transform, seed: int) -> torch.Tensor:
    """Augment every picture by a seed of its own that follows from `seed`."""
    return augment(images, transform, [derive_seed(seed, number) for number in range(len(images))])


def test_a_picture_s_view_depends_on_its_seed_alone():
    images, transform = letter(64).expand(3, -1, -1, -1), original_augmentation(64)
    first, second, third = augment(images, transform, [1, 2, 1])
    assert torch.equal(first, third)
    assert not torch.equal(first, second)
    assert torch.equal(augment(images[:1], transform, [2])[0], second)


def test_same_seed_gives_the_same_pictures_and_another_does_not():
    images = letter(64).expand(4, -1, -1, -1)
    transform = original_augmentation(64)
    assert torch.equal(augment_all(images, transform, seed=5), augment_all(images, transform, seed=5))
    assert not torch.equal(augment_all(images, transform, seed=5), augment_all(images, transform, seed=6))


def test_global_generators_are_left_as_they_were():
    torch.manual_seed(123)
    before, numpys = torch.get_rng_state(), np.random.get_state()[1].copy()
    augment_all(letter(32), original_augmentation(32), seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpys)


@pytest.mark.parametrize("size", [32, 33, 64, 101, 128])
def test_output_is_uint8_of_the_same_shape(size):
    images = letter(size).expand(3, -1, -1, -1)
    augmented = augment_all(images, original_augmentation(size), seed=1)
    assert augmented.dtype == torch.uint8
    assert augmented.shape == images.shape


def test_pictures_of_a_batch_are_drawn_one_by_one():
    augmented = augment_all(letter(64).expand(8, -1, -1, -1), original_augmentation(64), seed=2)
    assert len({picture.numpy().tobytes() for picture in augmented}) > 4


def test_all_eight_orientations_occur():
    image = letter(64)
    augmented = augment_all(image.expand(120, -1, -1, -1), original_augmentation(64), seed=3).float()
    candidates = torch.stack(orientations(image[0])).float()
    distance = (augmented[:, None] - candidates[None]).square().mean((2, 3, 4))
    counts = torch.bincount(distance.argmin(1), minlength=8)
    # 120 draws from eight equally likely ones: 15 expected; 2 or fewer has a chance below 1 in 10,000.
    assert (counts > 2).all(), counts


def test_scale_stays_in_its_range_and_uses_it():
    image = torch.full((1, 128, 128, 3), 200, dtype=torch.uint8)
    image[:, 44:84, 44:84] = 20
    augmented = augment_all(image.expand(200, -1, -1, -1), original_augmentation(128), seed=4)
    dark = (augmented[..., 0].float() < 110).float().sum((1, 2)).sqrt() / 40
    assert dark.min() >= SCALE[0] - 0.03
    assert dark.max() <= SCALE[1] + 0.03
    assert dark.min() < 0.84
    assert dark.max() > 1.16
    assert dark.mean() == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("size", [32, 33, 64, 128])
@pytest.mark.parametrize("grey", [0, 130, 255])
def test_edges_continue_the_picture_s_own_background(size, grey):
    images = torch.full((40, size, size, 3), grey, dtype=torch.uint8)
    assert (augment_all(images, original_augmentation(size), seed=6) == grey).all()
