"""The logistic regression whose answer becomes the head: what is asked, and what is found."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from crbl_training.train.head_start.feature_maps import FeatureMaps
from crbl_training.train.head_start.logistic_regression import CrossValidation


@dataclass(frozen=True)
class Problem:
    """To tell the classes of N training images apart by their pooled features.

    Attributes:
        maps: of the images. labels: int64 [N], 0 or 1, both present. class_weights: of the loss, (normal, anomaly).
        seed: of the folds, and of the images that are chosen where there are too many.
    """

    maps: FeatureMaps
    labels: NDArray[np.int64]
    class_weights: tuple[float, float]
    seed: int


@dataclass(frozen=True)
class Regression:
    """What was found.

    Attributes:
        weight: the head's, float32 [1, C * C], on the CPU. logits: of the training images, float64 [N].
        components: how many features an image had. landmarks: how many images stood for all; None where all did.
    """

    weight: Tensor
    logits: NDArray[np.float64]
    components: int
    landmarks: int | None
    cross_validation: CrossValidation
