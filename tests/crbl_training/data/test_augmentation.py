"""augmentation.py: views that follow from a seed, eight orientations, ranges that are kept, and no invented edges."""

import numpy as np
import pytest
import torch
from torch import Tensor

from crbl_runtime.errors import UsageError
from crbl_training.data.augmentation import (
    BRIGHTNESS,
    NOISE,
    ORIGINAL,
    ROTATION,
    SCALE,
    STRONG,
    TRANSLATION,
    Augmentation,
    augment,
    get_augmentation,
)
from crbl_training.seeds import derive_seed

BOTH = pytest.mark.parametrize("name", ["original", "strong"])


def letter(size: int) -> Tensor:
    """An image like no rotation or reflection of itself: uint8 [1, size, size, 3], a dark F on light grey."""
    image = torch.full((1, size, size, 3), 200, dtype=torch.uint8)
    unit = size // 8
    image[0, unit * 2 : unit * 6, unit * 3 : unit * 4] = 20
    image[0, unit * 2 : unit * 3, unit * 3 : unit * 6] = 20
    image[0, unit * 4 : unit * 5, unit * 3 : unit * 5] = 20
    return image


def orientations(image: Tensor) -> list[Tensor]:
    turned = [torch.rot90(image, turns, (0, 1)) for turns in range(4)]
    return turned + [each.flip(1) for each in turned]


def augment_all(images: Tensor, augmentation: Augmentation, seed: int) -> Tensor:
    """Augment every image by a seed of its own that follows from `seed`."""
    return augment(images, augmentation, [derive_seed(seed, number) for number in range(len(images))])


@BOTH
def test_an_image_s_view_depends_on_its_seed_alone(name):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (5, 48, 48, 3), dtype=torch.uint8, generator=generator)
    augmentation, seeds = get_augmentation(name), torch.tensor([11, 12, 13, 14, 15])
    together = augment(images, augmentation, seeds)
    order = torch.tensor([3, 0, 4, 1, 2])
    assert torch.equal(augment(images[order], augmentation, seeds[order]), together[order])
    for n in range(5):
        assert torch.equal(augment(images[n : n + 1], augmentation, [int(seeds[n])])[0], together[n])


@BOTH
def test_same_seed_gives_the_same_images_and_another_does_not(name):
    images, augmentation = letter(64).expand(4, -1, -1, -1), get_augmentation(name)
    first, second, other = (augment_all(images, augmentation, seed) for seed in (5, 5, 6))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_all_63_bits_of_a_seed_count():
    images = letter(64).expand(3, -1, -1, -1)
    views = augment(images, STRONG, [1, 1 + 2**32, 1 + 2**62])
    assert len({view.numpy().tobytes() for view in views}) == 3


@BOTH
def test_a_augmentation_remembers_nothing_of_the_images_before(name):
    images, augmentation = letter(64).expand(3, -1, -1, -1), get_augmentation(name)
    used = augment(images, augmentation, [1, 2, 3])
    assert torch.equal(augment(images, augmentation, [1, 2, 3]), used)
    assert torch.equal(augment(images, get_augmentation(name), [1, 2, 3]), used)


@BOTH
def test_global_generators_are_left_as_they_were(name):
    torch.manual_seed(123)
    before, numpys = torch.get_rng_state(), np.random.get_state()[1].copy()
    augment_all(letter(32), get_augmentation(name), seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpys)


def test_an_image_without_a_seed_is_an_error():
    with pytest.raises(ValueError, match="shorter"):
        augment(letter(32).expand(3, -1, -1, -1), ORIGINAL, [1, 2])


def test_names():
    assert get_augmentation("none") is None
    with pytest.raises(UsageError, match="augment is 'weak', expected 'original' or 'strong' or 'none'"):
        get_augmentation("weak")


@BOTH
@pytest.mark.parametrize("size", [32, 33, 64, 101, 128])
def test_output_is_uint8_of_the_same_shape(name, size):
    images = letter(size).expand(3, -1, -1, -1)
    augmented = augment_all(images, get_augmentation(name), seed=1)
    assert augmented.dtype == torch.uint8
    assert augmented.shape == images.shape


@BOTH
def test_images_of_a_batch_are_drawn_one_by_one(name):
    augmented = augment_all(letter(64).expand(8, -1, -1, -1), get_augmentation(name), seed=2)
    assert len({image.numpy().tobytes() for image in augmented}) > 4


@BOTH
def test_all_eight_orientations_occur(name):
    image = letter(64)
    augmented = augment_all(image.expand(120, -1, -1, -1), get_augmentation(name), seed=3).float()
    candidates = torch.stack(orientations(image[0])).float()
    distance = (augmented[:, None] - candidates[None]).square().mean((2, 3, 4))
    counts = torch.bincount(distance.argmin(1), minlength=8)
    # 120 draws from eight equally likely ones: 15 expected; 2 or fewer has a chance below 1 in 10,000.
    assert (counts > 2).all(), counts


@BOTH
def test_scale_stays_in_its_range_and_uses_it(name):
    image = torch.full((1, 128, 128, 3), 200, dtype=torch.uint8)
    image[:, 44:84, 44:84] = 20
    augmented = augment_all(image.expand(200, -1, -1, -1), get_augmentation(name), seed=4)
    dark = (augmented[..., 0].float() < 90).float().sum((1, 2)).sqrt() / 40
    assert dark.min() >= SCALE[0] - 0.03
    assert dark.max() <= SCALE[1] + 0.03
    assert dark.min() < 0.84
    assert dark.max() > 1.16
    assert dark.mean() == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("size", [32, 33, 64, 128])
@pytest.mark.parametrize("grey", [0, 130, 255])
def test_original_continues_the_image_s_own_background(size, grey):
    images = torch.full((40, size, size, 3), grey, dtype=torch.uint8)
    assert (augment_all(images, ORIGINAL, seed=6) == grey).all()


@pytest.mark.parametrize("size", [32, 33, 64, 128])
def test_strong_continues_the_image_s_own_background(size):
    images = torch.full((60, size, size, 3), 130, dtype=torch.uint8)
    views = augment_all(images, STRONG, seed=6).float()
    # The brightness is one for an image; six deviations of the noise are less than any black corner would be.
    assert ((views - views.mean((1, 2, 3), keepdim=True)).abs() < 6 * 255 * NOISE).all()
    means = views.mean((1, 2, 3)) / 130
    assert (means.min(), means.max()) == (pytest.approx(1 - BRIGHTNESS, abs=0.03), pytest.approx(1.2, abs=0.03))


def bright_points(offsets: tuple[int, ...], seed: int) -> list[Tensor]:
    """Where 200 strong views of a black image, 127 × 127, are bright: float [points, 2], row and column, each.

    The image has a spot of 5 × 5 pixels so many columns right of its middle pixel.
    """
    image = torch.zeros((1, 127, 127, 3), dtype=torch.uint8)
    for offset in offsets:
        image[0, 61:66, 61 + offset : 66 + offset] = 150
    views = augment_all(image.expand(200, -1, -1, -1), STRONG, seed)
    return [(view > 60).nonzero().float() for view in views[..., 0]]


def test_strong_turns_within_its_range():
    directions = [torch.linalg.svd(points - points.mean(0)).Vh[0] for points in bright_points((-32, 32), seed=7)]
    angles = torch.stack([torch.rad2deg(torch.atan2(row, column)) for row, column in directions])
    askew = (angles + 45) % 90 - 45
    assert askew.abs().max() <= ROTATION + 1
    assert askew.abs().max() > 0.8 * ROTATION
    assert abs(askew.mean()) < 2


def test_strong_shifts_within_its_range():
    shift = (torch.stack([points.mean(0) for points in bright_points((0,), seed=7)]) - 63) / 127
    assert shift.abs().max() <= TRANSLATION + 0.01
    assert (shift.abs().amax(0) > 0.8 * TRANSLATION).all()


def test_strong_adds_noise_to_every_second_image():
    views = augment_all(torch.full((200, 32, 32, 3), 130, dtype=torch.uint8), STRONG, seed=8)
    deviations = views.float().std((1, 2, 3))
    noisy = deviations > 1
    # Five standard deviations of 200 fair coins are 35.
    assert abs(int(noisy.sum()) - 100) < 35
    assert deviations[noisy].mean() == pytest.approx(255 * NOISE, rel=0.05)
    assert (deviations[~noisy] == 0).all()


def test_strong_keeps_an_impurity_darker_than_its_surroundings():
    image = torch.full((1, 128, 128, 3), 110, dtype=torch.uint8)
    image[:, 62:67, 62:67] = 80
    for view in augment_all(image.expand(100, -1, -1, -1), STRONG, seed=9)[..., 0].float():
        smooth = torch.nn.functional.avg_pool2d(view[None], 3, stride=1)[0]
        centre = smooth[48:78, 48:78]  # the impurity is within a shift of 5 pixels, scaled
        assert centre.min() < 0.9 * view.median()
