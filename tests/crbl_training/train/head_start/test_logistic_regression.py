"""logistic_regression.py, sample_weights.py, kernel_features.py and chosen_images.py, on numbers anyone can check."""

import numpy as np
import pytest
import torch
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression

from crbl_training.data.batches import balanced_batches
from crbl_training.model.loss import training_loss
from crbl_training.train.head_start.chosen_images import choose_images
from crbl_training.train.head_start.kernel_features import exact_features
from crbl_training.train.head_start.logistic_regression import DEFAULT_C, GRID, cross_validate, fit
from crbl_training.train.head_start.sample_weights import weighted_loss

WEIGHTS = (0.568, 4.167)


def draw(normal: int, anomalous: int, seed: int = 0, shift: float = 1.0):
    """Points in five dimensions, the classes apart along the first: rows, labels."""
    labels = np.repeat([0, 1], [normal, anomalous])
    rows = np.random.default_rng(seed).normal(size=(len(labels), 5))
    rows[:, 0] += shift * labels
    return rows, labels


def test_the_weighted_loss_is_the_mean_of_the_training_loops_batches():
    labels = np.repeat([0, 1], [12, 4])
    logits = np.random.default_rng(0).normal(size=16)
    losses = [
        training_loss(torch.from_numpy(logits)[batch], torch.from_numpy(labels)[batch], WEIGHTS).item()
        for batch in balanced_batches(torch.from_numpy(labels), 8, seed=0, epoch=1)
    ]
    # Two batches of 4 + 4 show two thirds of the normal images; those of three times as many show all equally often.
    many = [
        training_loss(torch.from_numpy(logits)[batch], torch.from_numpy(labels)[batch], WEIGHTS).item()
        for epoch in range(600)
        for batch in balanced_batches(torch.from_numpy(labels), 8, seed=0, epoch=epoch)
    ]
    assert len(losses) == 2
    assert weighted_loss(logits, labels, WEIGHTS) == pytest.approx(np.mean(many), rel=5e-3)


def test_rows_of_length_1_far_from_zero_are_separated_without_an_intercept():
    """Nearly as by a regression with one: a direction in which all rows are alike is hardly held back."""
    rows, labels = draw(40, 20, shift=3)
    rows += 10
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    features = exact_features(rows @ rows.T)
    logits = fit(features.rows, labels, WEIGHTS, 100.0).logits(features.rows)
    counts = np.bincount(labels)
    weights = np.where(labels == 1, WEIGHTS[1] / counts[1], WEIGHTS[0] / counts[0]) * len(labels) / 2
    scaled = rows / np.sqrt(rows.var(0).sum())
    usual = LogisticRegression(C=100.0, tol=1e-8, max_iter=10_000).fit(scaled, labels, weights)
    assert np.corrcoef(logits, usual.decision_function(scaled))[0, 1] > 0.999
    assert np.median(np.abs(logits - usual.decision_function(scaled))) < 0.05 * logits.std()


def test_features_of_a_gram_matrix_give_the_regression_on_the_rows_themselves():
    rows, labels = draw(30, 12)
    rows[5] = rows[6]  # One eigenvalue more that is zero.
    features = exact_features(rows @ rows.T)
    scale = np.sqrt(rows.var(0).sum())
    own = fit(features.rows, labels, WEIGHTS, 1.0)
    other = fit(rows / scale, labels, WEIGHTS, 1.0)
    np.testing.assert_allclose(own.logits(features.rows), other.logits(rows / scale), atol=1e-6)
    back = rows.T @ (features.back @ own.coefficients)
    np.testing.assert_allclose(rows @ back, own.logits(features.rows), atol=1e-8)


@pytest.mark.parametrize("landmarks", [np.arange(60), np.array([3, 8, 20, 31, 44, 50, 58])], ids=["all", "seven"])
def test_landmarks_that_span_the_rows_give_the_exact_regression(landmarks):
    rows, labels = draw(40, 20)
    gram = rows @ rows.T
    features = exact_features(gram.copy())
    exact = fit(features.rows, labels, WEIGHTS, 1.0).logits(features.rows)
    back = exact_features(gram[np.ix_(landmarks, landmarks)]).back
    found = gram[:, landmarks] @ back
    assert found[landmarks].var(axis=0).sum() == pytest.approx(1)
    # C counts on features of variance 1: over the landmarks here, over all images there.
    classifier = fit(found, labels, WEIGHTS, 1 / found.var(axis=0).sum())
    np.testing.assert_allclose(classifier.logits(found), exact, atol=1e-4)
    weights = rows[landmarks].T @ (back @ classifier.coefficients)
    np.testing.assert_allclose(rows @ weights, classifier.logits(found), atol=1e-6)


def test_features_from_too_few_landmarks_have_the_inner_products_of_scikit_learns_nystroem():
    rows = draw(40, 20)[0]
    gram, landmarks = np.exp(-((rows[:, None] - rows) ** 2).sum(2) / 20), np.array([3, 8, 20, 31, 44])
    among = gram[np.ix_(landmarks, landmarks)]
    nystroem = Nystroem(kernel="precomputed", n_components=5, random_state=0).fit(among)
    expected = nystroem.transform(gram[:, landmarks])
    found = gram[:, landmarks] @ exact_features(among.copy()).back
    scale = expected[landmarks].var(axis=0).sum()
    assert np.abs(expected @ expected.T - gram).max() > 0.1
    np.testing.assert_allclose(found @ found.T * scale, expected @ expected.T, atol=1e-9)


def test_the_best_mean_auroc_chooses_c_and_equal_ones_the_smaller_loss():
    rows, labels = draw(60, 40, shift=1.5)
    found = cross_validate(rows, labels, WEIGHTS, seed=3)
    assert [tried.c for tried in found.tried] == list(GRID)
    best = max(tried.mean_auroc for tried in found.tried)
    equal = [tried for tried in found.tried if tried.mean_auroc == best]
    assert found.chosen == min(equal, key=lambda tried: tried.mean_loss).c
    apart = cross_validate(*draw(20, 20, shift=30), WEIGHTS, seed=3)
    assert {tried.mean_auroc for tried in apart.tried} == {1.0}
    assert apart.chosen == min(apart.tried, key=lambda tried: tried.mean_loss).c


def test_auroc_of_a_fold_is_that_of_a_regression_on_the_other_folds_alone():
    rows, labels = draw(30, 15)
    found = cross_validate(exact_features(rows @ rows.T).rows, labels, WEIGHTS, seed=1)
    tried = next(each for each in found.tried if each.c == 1.0)
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    scaled = rows / np.sqrt(rows.var(0).sum())
    for auroc, (learnt, held_out) in zip(
        tried.aurocs, StratifiedKFold(5, shuffle=True, random_state=1).split(labels, labels), strict=True
    ):
        counts = np.bincount(labels[learnt])
        weights = np.where(labels[learnt] == 1, WEIGHTS[1] / counts[1], WEIGHTS[0] / counts[0]) * len(learnt) / 2
        regression = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-8)
        regression.fit(scaled[learnt], labels[learnt], weights)
        assert auroc == pytest.approx(roc_auc_score(labels[held_out], regression.decision_function(scaled[held_out])))


@pytest.mark.parametrize(("anomalous", "folds"), [(3, 3), (2, 2), (1, 0)])
def test_fewer_images_than_folds_make_fewer_folds_and_a_single_image_makes_none(anomalous, folds):
    found = cross_validate(*draw(12, anomalous), WEIGHTS, seed=0)
    assert found.folds == folds
    assert all(len(tried.aurocs) == folds for tried in found.tried)
    assert len(found.tried) == (len(GRID) if folds else 0)
    assert folds or found.chosen == DEFAULT_C


@pytest.mark.parametrize(("normal", "anomalous", "of_anomalous"), [(90, 90, 10), (990, 4, 4), (5, 90, 15)])
def test_landmarks_are_half_of_either_class_where_it_has_as_many(normal, anomalous, of_anomalous):
    labels = np.repeat([0, 1], [normal, anomalous])
    landmarks = choose_images(labels, 20, seed=1)
    assert len(set(landmarks.tolist())) == 20
    assert labels[landmarks].sum() == of_anomalous
    assert landmarks.tolist() == sorted(landmarks.tolist()) == choose_images(labels, 20, seed=1).tolist()
    assert landmarks.tolist() != choose_images(labels, 20, seed=2).tolist()
