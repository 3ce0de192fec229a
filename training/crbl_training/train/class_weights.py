"""How much an image of either class counts in the loss."""

import math
from typing import TYPE_CHECKING

from crbl_runtime.errors import DataError, UsageError
from crbl_training.options import CLASS_WEIGHTS

if TYPE_CHECKING:
    from torch import Tensor

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


def loss_weights(recipe: "Recipe", labels: "Tensor") -> tuple[float, float]:
    """The loss weights of (normal, anomaly), by the recipe's `class_weights`.

    "assumed" are those of the original recipe, for an assumed share of normal images: (0.568, 4.167) for 88 %.
    "balanced" gives both classes the same sum of weights, and all images together the sum N: N / (2 * images of the
    class), as scikit-learn's class_weight="balanced". Batches are drawn half and half, which balances the classes
    already: of a batch the weights are (1, 1), or nearly where its size is odd. Of all training images, where each
    counts once, they are large for the rare class.

    Args:
        labels: of all the images that the loss is the mean of, float [N], 0 or 1: of a batch, or of the training set.

    Raises:
        DataError: the weights are to be balanced, and one class has no image.
    """
    if not isinstance(recipe.class_weights, str):
        return recipe.class_weights
    if recipe.class_weights == "assumed":
        from crbl_training.model.loss import class_weights

        return class_weights(recipe.assumed_normal_share)
    anomalous = int(labels.sum())
    normal = len(labels) - anomalous
    if not normal or not anomalous:
        raise DataError(f"Of {len(labels)} images {anomalous} are anomalous: balanced weights need both classes.")
    return len(labels) / (2 * normal), len(labels) / (2 * anomalous)
