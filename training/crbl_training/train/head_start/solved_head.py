"""The head's weights that logistic regression on the training images' pooled features gives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crbl_runtime.counted import counted
from crbl_runtime.errors import WrongResultsError
from crbl_training.model.bilinear_head import bilinear_logits
from crbl_training.train.activation_cache import CacheSettings, activation_source
from crbl_training.train.activations import ComputedActivations
from crbl_training.train.head_start.chosen_images import choose_images
from crbl_training.train.head_start.exact_regression import exact_regression
from crbl_training.train.head_start.feature_maps import FeatureMaps
from crbl_training.train.head_start.gram_cache import gram_key
from crbl_training.train.head_start.landmark_regression import landmark_regression
from crbl_training.train.head_start.logistic_regression import CrossValidation
from crbl_training.train.head_start.regression import Problem
from crbl_training.train.head_start.sample_weights import weighted_loss

# With more images the inner products of all of them take more than half a gigabyte, and the regression five times that.
MOST_IMAGES = 8000
# On solar cells, 700 and 1,000 differ by 0.002 of AUROC at most (benchmarks/landmarks.py).
LANDMARKS = 1000
# |logit of the regression - logit of the model|.
TOLERANCE = 1e-4
COMPARED_IMAGES = 64


@dataclass(frozen=True)
class SolvedHead:
    """A head, and how it was found.

    Attributes:
        weight: float32 [1, C * C], on the CPU. The bias is 0.
        train_loss: the mean weighted loss on the training images as they are.
        landmarks: how many images stood for all of them; None where all did. images: how many there are.
        largest_difference: of a logit between the regression and the model.
    """

    weight: Tensor
    train_loss: float
    images: int
    landmarks: int | None
    components: int
    cross_validation: CrossValidation
    largest_difference: float

    def to_dict(self) -> dict[str, Any]:
        """How it was found, as JSON types."""
        return {
            "method": "logistic regression on the pooled features' Gram matrix",
            "images": self.images,
            "landmarks": self.landmarks,
            "components": self.components,
            "C": self.cross_validation.chosen,
            "folds": self.cross_validation.folds,
            "cross_validation": [tried.to_dict() for tried in self.cross_validation.tried],
            "train_loss": self.train_loss,
            "largest_logit_difference": self.largest_difference,
        }


def solve_head(
    computed: ComputedActivations,
    labels: Tensor,
    class_weights: tuple[float, float],
    seed: int,
    cache: CacheSettings,
    notify: Callable[[str], None],
    *,
    most_images: int = MOST_IMAGES,
    landmarks: int = LANDMARKS,
) -> SolvedHead:
    """Solve the head for the model's backbones as they are now, and leave the model as it is.

    Args:
        computed: the training images without augmentation. labels: float [N], 0 or 1, both present.
        class_weights: of the loss, (normal, anomaly). seed: of the folds and landmarks.
        most_images: with more, so many `landmarks` stand for all.

    Raises:
        NotFiniteError: a feature is NaN or infinite. WrongResultsError: the model gives other logits than the
            regression. What `activation_source` raises.
    """
    source, sentence = activation_source(computed, 1, cache, "unaugmented training")
    notify(sentence)
    maps, truth = FeatureMaps(computed.model, source, len(labels)), labels.numpy().astype(np.int64)
    problem = Problem(maps, truth, class_weights, seed)
    if len(truth) <= most_images:
        found = exact_regression(problem, gram_key(computed, None), cache, notify)
    else:
        chosen = choose_images(truth, landmarks, seed)
        found = landmark_regression(problem, chosen, most_images, gram_key(computed, chosen), cache, notify)
    solved = SolvedHead(
        weight=found.weight,
        train_loss=weighted_loss(found.logits, truth, class_weights),
        images=len(truth),
        landmarks=found.landmarks,
        components=found.components,
        cross_validation=found.cross_validation,
        largest_difference=_compare(maps, found.weight, found.logits),
    )
    notify("\n".join(_lines(solved)))
    return solved


def _compare(maps: FeatureMaps, weight: Tensor, logits: NDArray[np.float64]) -> float:
    """The largest difference between the regression's logits and the head's, on images spread over the whole set.

    The head as it is stored, computed in float64: how far its logits round in float32 is for the exporter's gate.
    """
    spread = torch.linspace(0, len(logits) - 1, min(len(logits), COMPARED_IMAGES)).long()
    tile = maps.of(spread)
    first, second = tile.first.double().unsqueeze(3), tile.second.double().unsqueeze(3)
    of_model = bilinear_logits(first, second, weight.double(), torch.zeros(1, dtype=torch.float64)).numpy()
    largest = float(np.abs(of_model - logits[spread.numpy()]).max())
    if not largest <= TOLERANCE:
        raise WrongResultsError(
            f"The solved head gives logits that are up to {largest:.2g} from those of its regression, expected "
            f"{TOLERANCE:g} at most. Train with --head-start random, and report this with the numbers above."
        )
    return largest


def _lines(solved: SolvedHead) -> list[str]:
    """How the head was found, for the log."""
    how, validated = f"on {counted(solved.images, 'training image')}", solved.cross_validation
    if solved.landmarks is not None:
        how += f" through {solved.landmarks} landmarks"
    if not validated.folds:
        return [
            f"Head solved {how}; C = {validated.chosen:g}: a class has one image, so that nothing could be held out"
        ]
    lines = [f"Head solved {how}; C by {validated.folds}-fold cross-validation, AUROC of each fold:"]
    for tried in validated.tried:
        each = " ".join(f"{auroc:.3f}" for auroc in tried.aurocs)
        mark = "  chosen" if tried.c == validated.chosen else ""
        lines.append(f"  C {tried.c:<8.3g} mean {tried.mean_auroc:.4f}  ({each})  loss {tried.mean_loss:.4f}{mark}")
    return lines
