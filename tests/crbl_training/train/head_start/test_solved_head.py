"""solved_head.py: an ordinary head that gives the regression's logits; what stops it, and what a second run reads."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from crbl_runtime.errors import NotFiniteError, WrongResultsError
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.evaluation.metrics import predict_logits
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.train.activation_cache import NO_CACHE, CacheSettings
from crbl_training.train.activations import ComputedActivations
from crbl_training.train.head_start import exact_regression, landmark_features, landmark_regression
from crbl_training.train.head_start.gram_cache import gram_key
from crbl_training.train.head_start.kernel_features import KernelFeatures
from crbl_training.train.head_start.solved_head import solve_head

SPEC = PreprocessingSpec("whole", image_size=32)
CPU = torch.device("cpu")
WEIGHTS = (0.568, 4.167)


@pytest.fixture(scope="module")
def model(random_weights):
    """Random backbones of which nothing learns; tests may change the head."""
    made = CRBLDualModel("head")
    made.load_state_dict(random_weights)
    return made


@pytest.fixture
def solve(model, train_set):
    """Solves the head, and gives back it and what was told."""

    def solved(images=train_set.images, cache=NO_CACHE, labels=train_set.labels, **limits):
        messages: list[str] = []
        computed = ComputedActivations(model, images, SPEC, None, 0, CPU)
        return solve_head(computed, labels, WEIGHTS, 3, cache, messages.append, **limits), "\n".join(messages)

    return solved


def logits(head, model, images):
    with torch.no_grad():
        model.classifier.weight.copy_(head.weight)
        model.classifier.bias.zero_()
    return predict_logits(model, images, SPEC, CPU)


def test_the_model_separates_its_training_images_as_the_regression_does(solve, model, train_set):
    head, messages = solve()
    found = logits(head, model, train_set.images)
    assert ((found > 0).float() == train_set.labels).all()
    assert head.largest_difference < 1e-4
    assert f"C {head.cross_validation.chosen:<8.3g} mean" in messages
    described = head.to_dict()
    assert (described["images"], described["landmarks"], described["components"]) == (16, None, 16)
    assert len(described["cross_validation"][0]["aurocs"]) == described["folds"] == 5


def test_the_head_is_the_minimum_of_the_weighted_loss_and_half_the_squared_weights(solve, model, train_set):
    head, _ = solve()
    c, scale = head.cross_validation.chosen, 16.0  # The mean of a loss is its sum over the 16 images.
    gram_scale = squared_deviation(model, train_set.images)

    def objective(weight):
        found = logits(replace(head, weight=weight), model, train_set.images).double()
        labels = train_set.labels.double()
        losses = torch.nn.functional.softplus(torch.where(labels == 1, -found, found))
        loss = (losses * torch.where(labels == 1, WEIGHTS[1], WEIGHTS[0])).mean()
        return float(c / gram_scale * scale * loss + weight.double().square().sum() / 2)

    least = objective(head.weight)
    generator = torch.Generator().manual_seed(0)
    for factor in (0.97, 1.03):
        assert objective(head.weight * factor) > least
    noise = torch.randn(head.weight.shape, generator=generator) * head.weight.std() * 0.1
    assert objective(head.weight + noise) > least


def squared_deviation(model, images) -> float:
    """The mean squared distance of the pooled features from their mean: what C is counted in."""
    with torch.no_grad():
        pooled = model.pooling(*model.features((images / 255).permute(0, 3, 1, 2)))
    return float((pooled - pooled.mean(0)).double().square().sum(1).mean())


def test_the_same_seed_gives_the_same_bits(solve):
    heads = [solve()[0] for _ in range(2)]
    assert heads[0].weight.equal(heads[1].weight)
    assert heads[0].to_dict() == heads[1].to_dict()


def test_above_the_limit_landmarks_stand_for_all_images(solve, model, train_set):
    head, messages = solve(most_images=15, landmarks=12)
    assert (head.landmarks, head.to_dict()["landmarks"], head.to_dict()["images"]) == (12, 12, 16)
    assert "with 12 landmarks (Nyström)" in messages
    assert "through 12 landmarks" in messages
    assert roc_auc_score(train_set.labels, logits(head, model, train_set.images)) > 0.9
    assert solve(most_images=16)[0].landmarks is None


def test_with_all_images_as_landmarks_the_head_is_the_exact_one_up_to_what_c_counts_on(solve, model, train_set):
    found = logits(solve(most_images=15, landmarks=16)[0], model, train_set.images)
    exact = logits(solve()[0], model, train_set.images)
    assert np.corrcoef(found, exact)[0, 1] > 0.99


def test_features_of_landmarks_in_a_file_and_in_memory_give_the_same_bits(solve, tmp_path):
    in_memory, said = solve(most_images=15, landmarks=12)
    assert "(Nyström) not cached, 0 MB in memory: the cache is off" in said
    cache = CacheSettings(tmp_path)
    in_file, said = solve(most_images=15, landmarks=12, cache=cache)
    (file,) = tmp_path.glob("landmark_features_*.npy")
    assert f"(Nyström) cached in {file} (0 MB)" in said
    assert np.load(file).shape == (16, 12)
    again, said = solve(most_images=15, landmarks=12, cache=cache)
    assert f"(Nyström) read from {file} (0 MB)" in said
    assert in_memory.weight.equal(in_file.weight)
    assert in_memory.weight.equal(again.weight)
    assert in_memory.to_dict() == again.to_dict()


def test_features_in_a_file_go_with_the_eigenvectors_that_they_were_made_by(solve, tmp_path, monkeypatch):
    cache, right = CacheSettings(tmp_path), landmark_regression.exact_features
    first, _ = solve(most_images=15, landmarks=12, cache=cache)

    def of_another_release(gram):
        features = right(gram)
        return KernelFeatures(-features.rows, -features.back)

    monkeypatch.setattr(landmark_regression, "exact_features", of_another_release)
    second, said = solve(most_images=15, landmarks=12, cache=cache)
    assert "landmarks (Nyström) read from" in said
    assert second.weight.equal(first.weight)


def test_a_run_stopped_among_the_features_of_landmarks_leaves_no_file_of_them(solve, tmp_path, monkeypatch):
    def stopping(maps, landmarks):
        yield np.zeros((8, 12))
        raise KeyboardInterrupt

    monkeypatch.setattr(landmark_features, "gram_columns", stopping)
    with pytest.raises(KeyboardInterrupt):
        solve(most_images=15, landmarks=12, cache=CacheSettings(tmp_path))
    assert [path.name for path in tmp_path.iterdir() if "landmark_features" in path.name] == []


def test_a_run_stopped_after_the_gram_matrix_reads_it_and_ends_in_the_same_bits(solve, tmp_path, monkeypatch):
    cache = CacheSettings(tmp_path / "cache")
    whole = solve(cache=CacheSettings(tmp_path / "other"))[0]
    with monkeypatch.context() as patched:
        patched.setattr(exact_regression, "cross_validate", lambda *given: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            solve(cache=cache)
    (file,) = cache.folder.glob("gram_*.npy")
    monkeypatch.setattr(exact_regression, "gram_matrix", lambda maps: pytest.fail("computed again"))
    head, messages = solve(cache=cache)
    assert f"read from {file}" in messages
    assert head.weight.equal(whole.weight)


def test_a_run_stopped_within_the_gram_matrix_leaves_no_file_of_it(solve, tmp_path, monkeypatch):
    cache = CacheSettings(tmp_path)
    monkeypatch.setattr(exact_regression, "gram_matrix", lambda maps: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        solve(cache=cache)
    assert [path.name for path in tmp_path.iterdir() if "gram" in path.name] == []


def test_other_images_weights_and_landmarks_are_other_gram_matrices(model, train_set):
    computed = ComputedActivations(model, train_set.images, SPEC, None, 0, CPU)
    keys = {gram_key(computed, None), gram_key(computed, np.arange(4)), gram_key(computed, np.arange(5))}
    keys |= {gram_key(replace(computed, images=train_set.images.flip(0)), None)}
    keys |= {gram_key(replace(computed, spec=replace(SPEC, channel_order="bgr")), None)}
    with torch.no_grad():
        model.backbone2.bn2.bias += 1
        keys |= {gram_key(computed, None)}
        model.backbone2.bn2.bias -= 1
    assert len(keys) == 6


def test_a_gram_matrix_beyond_the_budget_is_not_cached_and_that_is_said(solve, tmp_path):
    _, messages = solve(cache=CacheSettings(tmp_path, budget=1000))
    assert list(tmp_path.glob("gram_*")) == []
    assert (
        "Gram matrix of 16 training images not cached: 0.0 GB would be needed, --cache-budget is 1e-06 GB" in messages
    )


def test_a_class_all_alike_and_a_single_anomaly_give_finite_heads(solve, model, train_set):
    images = train_set.images.clone()
    images[1::2] = train_set.images[1]
    head, _ = solve(images=images)
    assert torch.isfinite(head.weight).all()
    assert ((logits(head, model, images) > 0).float() == train_set.labels).all()
    labels = torch.zeros(16)
    labels[1] = 1
    head, messages = solve(labels=labels)
    assert "a class has one image, so that nothing could be held out" in messages
    assert int(logits(head, model, train_set.images).argmax()) == 1


def test_images_all_alike_give_a_head_that_says_nothing(solve, model, train_set):
    head, _ = solve(images=train_set.images[:1].expand(16, -1, -1, -1).contiguous())
    found = logits(head, model, train_set.images[:1])
    assert math.isclose(float(found[0]), math.log(WEIGHTS[1] / WEIGHTS[0]), abs_tol=0.05)


def test_features_that_are_no_numbers_are_refused(solve, model):
    with torch.no_grad():
        model.backbone1.bn2.bias[7] = float("nan")
        with pytest.raises(NotFiniteError, match=r"NaN or infinite features.*--weights.*--device cpu"):
            solve()
        model.backbone1.bn2.bias[7] = 0


def test_a_head_that_does_not_give_the_regressions_logits_is_refused(solve, monkeypatch):
    right = exact_regression.head_weights
    monkeypatch.setattr(exact_regression, "head_weights", lambda *given: right(*given).roll(1))
    with pytest.raises(WrongResultsError, match=r"from those of its regression, expected 0\.0001 at most"):
        solve()
