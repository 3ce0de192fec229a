"""Regression on the inner products of every two training images."""

from collections.abc import Callable

from crbl_runtime.counted import counted
from crbl_training.train.activation_cache import CacheSettings
from crbl_training.train.head_start.gram_cache import cached_matrix
from crbl_training.train.head_start.gram_matrix import gram_matrix
from crbl_training.train.head_start.head_weights import head_weights
from crbl_training.train.head_start.kernel_features import exact_features
from crbl_training.train.head_start.logistic_regression import cross_validate, fit
from crbl_training.train.head_start.regression import Problem, Regression


def exact_regression(problem: Problem, key: str, cache: CacheSettings, notify: Callable[[str], None]) -> Regression:
    """Solve it by the Gram matrix, whose key `gram_key` gives."""
    maps, labels, class_weights = problem.maps, problem.labels, problem.class_weights
    gram, origin = cached_matrix(lambda: gram_matrix(maps), f"gram_{key}", maps.count**2 * 8, cache)
    notify(f"Gram matrix of {counted(maps.count, 'training image')} {origin}")
    features = exact_features(gram)
    del gram  # Overwritten, and as large as the features.
    validated = cross_validate(features.rows, labels, class_weights, problem.seed)
    classifier = fit(features.rows, labels, class_weights, validated.chosen)
    tiles = map(maps.tile, range(len(maps.tile_images)))
    weight = head_weights(tiles, features.back @ classifier.coefficients).float().view(1, -1)
    return Regression(weight, classifier.logits(features.rows), features.rows.shape[1], None, validated)
