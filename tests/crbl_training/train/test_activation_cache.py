"""activation_cache.py: a file is read again only where everything it depends on is the same."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from crbl_runtime.errors import UsageError
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.data.augmentation import ORIGINAL, STRONG
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.train.activation_cache import CachedActivations, CacheSettings, activation_source
from crbl_training.train.activations import ComputedActivations

SPEC = PreprocessingSpec("whole", image_size=32)


@pytest.fixture(scope="module")
def source(random_weights, train_set) -> ComputedActivations:
    model = CRBLDualModel("after-150")
    model.load_state_dict(random_weights)
    return ComputedActivations(model, train_set.images, SPEC, ORIGINAL, 5, torch.device("cpu"))


@pytest.mark.parametrize("mode", ["on", "off"])
def test_cached_or_computed_an_images_bits_do_not_depend_on_the_batch(source, tmp_path, mode):
    given, sentence = activation_source(source, 3, CacheSettings(tmp_path, mode), "training")
    assert isinstance(given, CachedActivations) == (mode == "on")
    assert ("cached in" in sentence) == (mode == "on")
    images, views = torch.tensor([3, 0, 15, 3, 7, 7, 1, 2]), torch.tensor([2, 0, 1, 0, 1, 2, 2, 1])
    for place, pair in enumerate(zip(images.split(1), views.split(1), strict=True)):
        for batch, alone in zip(given(images, views), source(*pair), strict=True):
            assert torch.equal(batch[place : place + 1], alone)


@pytest.mark.parametrize("mode", ["on", "off"])
def test_activations_are_in_the_layout_in_which_learning_is_quicker(source, tmp_path, mode):
    larger = replace(source, images=torch.zeros(4, 64, 64, 3, dtype=torch.uint8), augmentation=None)
    given, _ = activation_source(larger, 1, CacheSettings(tmp_path, mode), "training")
    for activations in given(torch.arange(3), torch.zeros(3, dtype=torch.int64)):
        assert activations.shape == (3, 112, 4, 4)
        assert activations.is_contiguous(memory_format=torch.channels_last)


def test_what_was_computed_in_another_way_is_not_read(source, tmp_path, monkeypatch):
    settings = CacheSettings(tmp_path)
    activation_source(source, 1, settings, "training")
    monkeypatch.setattr("crbl_training.train.activation_cache.COMPUTED_BY", "the layers as they are")
    assert "cached in" in activation_source(source, 1, settings, "training")[1]


def changed_weights(source: ComputedActivations) -> ComputedActivations:
    model = CRBLDualModel("after-150")
    model.load_state_dict(source.model.state_dict())
    with torch.no_grad():
        model.backbone2.blocks[4][1].conv_pwl.weight[0, 0] += 1e-3
    return replace(source, model=model)


def changed_image(source: ComputedActivations) -> ComputedActivations:
    images = source.images.clone()
    images[7, 5, 5, 1] += 1
    return replace(source, images=images)


@pytest.mark.parametrize(
    "change",
    [
        changed_weights,
        changed_image,
        lambda source: replace(source, seed=6),
        lambda source: replace(source, spec=replace(SPEC, channel_order="bgr")),
        lambda source: replace(source, augmentation=STRONG),
    ],
    ids=["weight", "pixel", "seed", "spec", "augmentation"],
)
def test_what_was_cached_for_something_else_is_not_read(source, tmp_path, change):
    settings = CacheSettings(tmp_path)
    activation_source(source, 1, settings, "training")
    assert "read from" in activation_source(source, 1, settings, "training")[1]
    assert "cached in" in activation_source(change(source), 1, settings, "training")[1]
    assert len(list(tmp_path.iterdir())) == 2


def test_weights_that_learn_do_not_matter(source, tmp_path):
    model = CRBLDualModel("after-150")
    model.load_state_dict(source.model.state_dict())
    with torch.no_grad():
        model.backbone1.conv_head.weight.zero_()
    settings = CacheSettings(tmp_path)
    activation_source(source, 1, settings, "training")
    assert "read from" in activation_source(replace(source, model=model), 1, settings, "training")[1]


@pytest.mark.parametrize(
    ("views", "settings", "reason"),
    [
        (0, CacheSettings(Path("nowhere")), r"every epoch draws new views \(--views N fixes N of each image\)"),
        (1, CacheSettings(Path("nowhere"), "off"), "the cache is off"),
        (1, CacheSettings(Path("nowhere"), budget=1000), r"0\.0 GB would be needed, --cache-budget is 1e-06 GB"),
    ],
)
def test_what_is_not_cached_is_computed_and_the_reason_given(source, views, settings, reason):
    given, sentence = activation_source(source, views, settings, "training")
    assert not isinstance(given, CachedActivations)
    assert (given is source) == (views == 0), "what no file could hold is computed a batch at a time"
    assert sentence.startswith("Frozen layers run anew for each batch of training images: ")
    assert re.search(reason, sentence)
    assert not settings.folder.exists()


def test_cache_on_fails_where_nothing_can_be_cached(source, tmp_path):
    with pytest.raises(UsageError, match="--cache on, but activations of the training images can't be cached: every"):
        activation_source(source, 0, CacheSettings(tmp_path, "on"), "training")


def test_full_disk_is_seen_before_it_is_full(source, tmp_path, monkeypatch):
    monkeypatch.setattr("crbl_training.data.disk_space.SPARE_BYTES", 10**18)
    assert "the disk has 0.0 GB to spare" in activation_source(source, 1, CacheSettings(tmp_path), "training")[1]
