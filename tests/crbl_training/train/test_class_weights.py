"""class_weights.py: what an image of either class counts, of a batch and of a whole training set."""

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from crbl_runtime.errors import DataError, UsageError
from crbl_training.data.batches import balanced_batches
from crbl_training.train.class_weights import loss_weights, parse_class_weights
from crbl_training.train.recipe import Recipe

RARE = torch.tensor([1.0] + [0.0] * 1000)


def test_the_original_weights_are_the_default_whatever_the_labels():
    assert loss_weights(Recipe(), RARE) == pytest.approx((0.568, 4.167), abs=5e-4)


def test_of_batches_that_are_half_and_half_balanced_weights_are_one():
    recipe = Recipe(class_weights="balanced")
    for indices in balanced_batches(RARE, 32, seed=0, epoch=0):
        assert loss_weights(recipe, RARE[indices]) == (1, 1)
    (odd, *_) = balanced_batches(RARE, 5, seed=0, epoch=0)
    normal, anomaly = loss_weights(recipe, RARE[odd])
    assert 3 * normal == pytest.approx(2 * anomaly) == pytest.approx(2.5)


def test_of_a_whole_set_they_are_those_of_scikit_learn():
    weights = loss_weights(Recipe(class_weights="balanced"), RARE)
    assert weights == pytest.approx(compute_class_weight("balanced", classes=np.array([0, 1]), y=RARE.numpy()))


def test_two_numbers_are_taken_as_they_are():
    assert loss_weights(Recipe(class_weights=(1.0, 7.5)), RARE) == (1, 7.5)


def test_a_class_without_images_has_no_balanced_weight():
    with pytest.raises(DataError, match="Of 3 images 0 are anomalous: balanced weights need both classes"):
        loss_weights(Recipe(class_weights="balanced"), torch.zeros(3))


@pytest.mark.parametrize(
    ("text", "expected"), [("assumed", "assumed"), ("balanced", "balanced"), ("1,4", (1, 4)), (" 0.5 , 2e0", (0.5, 2))]
)
def test_what_the_option_says(text, expected):
    assert parse_class_weights(text) == expected


@pytest.mark.parametrize("text", ["", "Balanced", "1", "1,2,3", "1;2", "0,1", "1,-2", "nan,1", "inf,1", "1,inf", "a,b"])
def test_what_it_cannot_say(text):
    with pytest.raises(UsageError, match=r"--class-weights is .*, expected assumed, balanced or the weights"):
        parse_class_weights(text)


@pytest.mark.parametrize("weights", ["none", (0.0, 1.0), (1.0, float("inf")), (float("nan"), 1.0)])
def test_a_recipe_refuses_weights_that_are_none(weights):
    with pytest.raises(UsageError, match="class weights are"):
        Recipe(class_weights=weights)
