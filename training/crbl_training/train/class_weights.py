"""How much an image of either class counts in the loss."""

import math
from typing import TYPE_CHECKING

from crbl_runtime.errors import UsageError
from crbl_training.options import CLASS_WEIGHTS

if TYPE_CHECKING:
    from crbl_training.train.recipe import Recipe


def parse_class_weights(text: str) -> str | tuple[float, float]:
    """What --class-weights says: one of CLASS_WEIGHTS, or the weights of a normal and of an anomalous image.

    Raises:
        UsageError: it is neither, or a weight is not a positive finite number.
    """
    if text in CLASS_WEIGHTS:
        return text
    expected = f"expected {', '.join(CLASS_WEIGHTS)} or the weights of a normal and an anomalous image, as in 1,4"
    try:
        weights = tuple(float(number) for number in text.split(","))
    except ValueError as error:
        raise UsageError(f"--class-weights is {text}, {expected}.") from error
    if len(weights) != 2 or not all(0 < weight < math.inf for weight in weights):
        raise UsageError(f"--class-weights is {text}, {expected}; both positive and finite.")
    return weights[0], weights[1]


def loss_weights(recipe: "Recipe") -> tuple[float, float]:
    """The loss weights of (normal, anomaly) within a batch, by the recipe's `class_weights`.

    "assumed" are those of the original recipe, for an assumed share of normal images: (0.568, 4.167) for 88 %.
    "balanced" gives both classes the same sum of weights, and a batch the sum of its size, as scikit-learn's
    class_weight="balanced" does. Batches are drawn half and half, so that they are (1, 1), or nearly where the size is
    odd: how rare anomalies are among the training images is evened out by the drawing.
    """
    if not isinstance(recipe.class_weights, str):
        return recipe.class_weights
    if recipe.class_weights == "assumed":
        from crbl_training.model.loss import class_weights

        return class_weights(recipe.assumed_normal_share)
    anomalous = recipe.batch_size // 2
    return recipe.batch_size / (2 * (recipe.batch_size - anomalous)), recipe.batch_size / (2 * anomalous)
