"""recipe.py: the recipes by name, what a user gives in their place, and what cannot work is refused."""

from dataclasses import replace

import pytest

from crbl_runtime.errors import UsageError
from crbl_training.train.recipe import (
    DEFAULT_RECIPE,
    RANDOM_HEAD,
    RECIPES,
    Recipe,
    choose_recipe,
    default_threshold_rule,
    recipe_default,
)


def test_defaults_are_the_original_recipe():
    recipe = Recipe()
    assert (recipe.epochs, recipe.batch_size, recipe.early_stopping) == (30, 32, 10)
    assert (recipe.learning_rate, recipe.weight_decay) == (1e-4, 1e-6)
    assert (recipe.plateau_factor, recipe.plateau_patience, recipe.smallest_learning_rate) == (0.5, 2, 1e-6)
    assert (recipe.assumed_normal_share, recipe.augment) == (0.88, "original")
    assert recipe.best_by == "loss"


@pytest.mark.parametrize("trainable", ["after-150", "head", "all"])
def test_original_is_the_original_of_both_variants(trainable):
    assert choose_recipe("original", trainable) == Recipe()


def test_recommended_follows_what_learns():
    assert choose_recipe(DEFAULT_RECIPE, "head") == RECIPES["recommended"]["full"]
    assert choose_recipe(DEFAULT_RECIPE, "after-150") == RECIPES["recommended"]["crop"]
    assert choose_recipe(DEFAULT_RECIPE, "all") == RECIPES["recommended"]["crop"]
    head = choose_recipe(DEFAULT_RECIPE, "head")
    assert (head.head_start, head.epochs, head.best_by) == ("solved", 0, "auroc")


def test_a_head_that_is_to_begin_at_random_learns_for_epochs_in_large_steps():
    random_head = choose_recipe(DEFAULT_RECIPE, "head", head_start="random")
    assert random_head == RANDOM_HEAD
    assert (random_head.epochs, random_head.learning_rate, random_head.best_by) == (30, 1e-2, "auroc")
    assert choose_recipe(DEFAULT_RECIPE, "head", head_start="random", epochs=3).epochs == 3


def test_the_head_of_a_checkpoint_stays_and_takes_small_steps_unless_it_is_to_be_solved():
    on = choose_recipe(DEFAULT_RECIPE, "head", from_checkpoint=True)
    assert (on.head_start, on.epochs, on.learning_rate) == ("random", 30, 1e-4)
    solved = choose_recipe(DEFAULT_RECIPE, "head", from_checkpoint=True, head_start="solved")
    assert (solved.head_start, solved.epochs) == ("solved", 0)
    assert choose_recipe("original", "head", from_checkpoint=True) == Recipe()


@pytest.mark.parametrize(
    ("recipe_name", "from_checkpoint", "rule"),
    [("recommended", False, "f1"), ("recommended", True, "keep"), ("original", False, "keep")],
)
def test_a_threshold_stays_only_with_what_it_belongs_to(recipe_name, from_checkpoint, rule):
    assert default_threshold_rule(recipe_name, from_checkpoint=from_checkpoint) == rule


@pytest.mark.parametrize("name", list(RECIPES))
@pytest.mark.parametrize("trainable", ["after-150", "head"])
def test_what_is_given_always_wins_and_changes_nothing_else(name, trainable):
    chosen = choose_recipe(name, trainable, learning_rate=1e-3, best_by="loss", epochs=None, label_smoothing=0.1)
    assert chosen == replace(choose_recipe(name, trainable), learning_rate=1e-3, best_by="loss", label_smoothing=0.1)


def test_help_names_the_value_of_each_recipe_where_they_differ():
    assert recipe_default("batch_size") == "[default: 32]"
    assert recipe_default("best_by") == "[default: auroc; --recipe original: loss]"
    assert recipe_default("scheduler") == "[default: cosine for crop, plateau for full; --recipe original: plateau]"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "epochs is 0, expected at least 1, or 0 with --head-start solved"),
        ({"epochs": -1, "head_start": "solved"}, "epochs is -1"),
        ({"head_start": "guessed"}, "head's start is 'guessed', expected 'random' or 'solved'"),
        ({"batch_size": 1}, "batch size is 1, expected at least 2"),
        ({"learning_rate": 0.0}, "learning rate is 0"),
        ({"learning_rate": float("nan")}, "learning rate is nan"),
        ({"learning_rate": float("inf")}, "learning rate is inf"),
        ({"root_floor": 0.0}, "root floor is 0"),
        ({"root_floor": float("nan")}, "root floor is nan"),
        ({"best_by": "accuracy"}, "best_by is 'accuracy', expected 'loss' or 'auroc' or 'average-precision'"),
        ({"augment": "some"}, "augment is 'some', expected 'original' or 'strong' or 'none'"),
    ],
)
def test_what_cannot_work_is_refused(values, message):
    with pytest.raises(UsageError, match=message):
        Recipe(**values)
