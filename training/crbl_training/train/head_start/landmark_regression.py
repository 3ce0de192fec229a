"""Regression on the inner products of all training images with a few of them, the landmarks.

Memory does not grow with the images: their features are in a file, and the regression reads them a block at a time.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crbl_training.train.activation_cache import CacheSettings
from crbl_training.train.head_start.blockwise_regression import fit_in_blocks
from crbl_training.train.head_start.chosen_images import choose_images
from crbl_training.train.head_start.feature_maps import FeatureMaps
from crbl_training.train.head_start.gram_cache import cached_matrix
from crbl_training.train.head_start.gram_matrix import gram_of
from crbl_training.train.head_start.head_weights import head_weights
from crbl_training.train.head_start.kernel_features import exact_features
from crbl_training.train.head_start.landmark_features import Features, in_blocks, landmark_features
from crbl_training.train.head_start.logistic_regression import cross_validate
from crbl_training.train.head_start.regression import Problem, Regression


def landmark_regression(
    problem: Problem,
    landmarks: NDArray[np.int64],
    most_validated: int,
    key: str,
    cache: CacheSettings,
    notify: Callable[[str], None],
) -> Regression:
    """Solve it with some of the images as landmarks.

    Args:
        landmarks: [m], ascending. most_validated: how many images, at most N, C is chosen by, see `cross_validate`.
        key: of what the features of the images depend on, see `gram_key`.
    """
    maps, labels, class_weights = problem.maps, problem.labels, problem.class_weights
    chosen = torch.from_numpy(landmarks)
    features, back, origin = _features(maps, chosen, key, cache)
    notify(f"Gram matrix of {maps.count} training images with {len(landmarks)} landmarks (Nyström) {origin}")
    some = choose_images(labels, most_validated, problem.seed)
    validated = cross_validate(features[some], labels[some], class_weights, problem.seed)
    classifier = fit_in_blocks(features, labels, class_weights, validated.chosen)
    weight = head_weights([maps.of(chosen)], back @ classifier.coefficients).float().view(1, -1)
    logits = np.concatenate([classifier.logits(rows) for _, rows in in_blocks(features)])
    return Regression(weight, logits, back.shape[1], len(landmarks), validated)


# A function of its own, so that the landmarks' maps are gone during the cross-validation.
def _features(
    maps: FeatureMaps, landmarks: Tensor, key: str, cache: CacheSettings
) -> tuple[Features, NDArray[np.float64], str]:
    """The features of all images, the `back` of `KernelFeatures` that they were made by, and where they come from."""
    tile, size = maps.of(landmarks), len(landmarks) ** 2 * 8
    # Cached as well: the eigenvectors of another release of LAPACK would not go with features that are in a file.
    back, _ = cached_matrix(lambda: exact_features(gram_of(tile)).back, f"landmark_map_{key}", size, cache)
    features, origin = landmark_features(maps, tile, back, key, cache)
    return features, back, origin
