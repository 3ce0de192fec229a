"""class_weights.py: what an image of either class counts in the loss."""

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from crbl_runtime.errors import UsageError
from crbl_training.data.batches import balanced_batches
from crbl_training.train.class_weights import loss_weights, parse_class_weights
from crbl_training.train.recipe import Recipe

RARE = torch.tensor([1.0] + [0.0] * 1000)


def test_the_original_weights_are_the_default():
    assert loss_weights(Recipe()) == pytest.approx((0.568, 4.167), abs=5e-4)


@pytest.mark.parametrize("batch_size", [32, 5])
def test_balanced_weights_are_those_of_scikit_learn_for_the_batches_as_they_are_drawn(batch_size):
    for indices in balanced_batches(RARE, batch_size, seed=0, epoch=0):
        expected = compute_class_weight("balanced", classes=np.array([0, 1]), y=RARE[indices].numpy())
        assert loss_weights(Recipe(class_weights="balanced", batch_size=batch_size)) == pytest.approx(tuple(expected))


def test_of_batches_that_are_half_and_half_balanced_weights_are_one():
    assert loss_weights(Recipe(class_weights="balanced")) == (1, 1)


def test_two_numbers_are_taken_as_they_are():
    assert loss_weights(Recipe(class_weights=(1.0, 7.5))) == (1, 7.5)


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
