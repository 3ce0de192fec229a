"""recipe.py: the original recipe is the default, and what cannot work is refused."""

import pytest

from crbl_runtime.errors import UsageError
from crbl_training.train.recipe import Recipe


def test_defaults_are_the_original_recipe():
    recipe = Recipe()
    assert (recipe.epochs, recipe.batch_size, recipe.early_stopping) == (30, 32, 10)
    assert (recipe.learning_rate, recipe.weight_decay) == (1e-4, 1e-6)
    assert (recipe.plateau_factor, recipe.plateau_patience, recipe.smallest_learning_rate) == (0.5, 2, 1e-6)
    assert (recipe.assumed_normal_share, recipe.augment) == (0.88, "original")


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
        ({"augment": "some"}, "augment is 'some', expected 'original' or 'strong' or 'none'"),
    ],
)
def test_what_cannot_work_is_refused(values, message):
    with pytest.raises(UsageError, match=message):
        Recipe(**values)
