"""The head's weights that logistic regression on the training images' pooled features gives."""

from collections.abc import Callable, Iterable
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
from crbl_training.train.head_start.feature_maps import FeatureMaps, Tile
from crbl_training.train.head_start.gram_cache import cached_gram, gram_key
from crbl_training.train.head_start.gram_matrix import gram_columns, gram_matrix
from crbl_training.train.head_start.head_weights import head_weights
from crbl_training.train.head_start.kernel_features import KernelFeatures, exact_features, nystroem_features
from crbl_training.train.head_start.landmarks import choose_landmarks
from crbl_training.train.head_start.logistic_regression import CrossValidation, LinearClassifier, cross_validate, fit
from crbl_training.train.head_start.sample_weights import weighted_loss

# With more images the inner products of all of them take more than half a gigabyte and, on two cores, ten minutes.
MOST_IMAGES = 8000
LANDMARKS = 2000
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
    chosen = choose_landmarks(truth, landmarks, seed) if len(truth) > most_images else None
    features = _kernel_features(maps, chosen, gram_key(computed, chosen), cache, notify)
    cross_validation = cross_validate(features.rows, truth, class_weights, seed)
    classifier = fit(features.rows, truth, class_weights, cross_validation.chosen)
    logits = classifier.logits(features.rows)
    weight = _as_head(maps, features, classifier, chosen)
    solved = SolvedHead(
        weight=weight,
        train_loss=weighted_loss(logits, truth, class_weights),
        images=len(truth),
        landmarks=len(chosen) if chosen is not None else None,
        components=features.rows.shape[1],
        cross_validation=cross_validation,
        largest_difference=_compare(maps, weight, logits),
    )
    notify("\n".join(_lines(solved)))
    return solved


def _kernel_features(
    maps: FeatureMaps,
    landmarks: NDArray[np.int64] | None,
    key: str,
    cache: CacheSettings,
    notify: Callable[[str], None],
) -> KernelFeatures:
    if landmarks is None:
        gram, origin = cached_gram(lambda: gram_matrix(maps), key, maps.count**2 * 8, cache)
        notify(f"Gram matrix of {counted(maps.count, 'training image')} {origin}")
        return exact_features(gram)
    chosen = torch.from_numpy(landmarks)
    columns, origin = cached_gram(lambda: gram_columns(maps, chosen), key, maps.count * len(chosen) * 8, cache)
    notify(f"Gram matrix of {maps.count} training images with {len(chosen)} landmarks (Nyström) {origin}")
    return nystroem_features(columns, landmarks)


def _as_head(
    maps: FeatureMaps, features: KernelFeatures, classifier: LinearClassifier, landmarks: NDArray[np.int64] | None
) -> Tensor:
    tiles: Iterable[Tile]
    if landmarks is None:
        tiles = map(maps.tile, range(len(maps.tile_images)))
    else:
        tiles = [maps.of(torch.from_numpy(landmarks))]
    return head_weights(tiles, features.back @ classifier.coefficients).float().view(1, -1)


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
