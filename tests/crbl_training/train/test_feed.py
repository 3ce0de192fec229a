"""feed.py and batch.py: the same training whatever the number of workers, and workers only where they help."""

import multiprocessing
import os
import subprocess
import sys
from dataclasses import replace
from itertools import islice

import pytest
import torch
from torch import Tensor, device, nn

from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.data.batches import balanced_batches
from crbl_training.process_group import Shard
from crbl_training.train import batch, feed
from crbl_training.train.activation_cache import CacheSettings, activation_source
from crbl_training.train.activations import ComputedActivations
from crbl_training.train.batch import DrawnBatches
from crbl_training.train.feed import training_feed, workers_that_fit
from crbl_training.train.loop import RunOutputs, TrainingData, TrainingResult, train_model
from crbl_training.train.recipe import Recipe
from crbl_training.train.state import StateFile, TrainingState

SPEC = PreprocessingSpec("whole", image_size=32)
CPU = device("cpu")
RECIPE = Recipe(epochs=3, batch_size=4, learning_rate=1e-2, augment="strong", accumulate=2)
LABELS = torch.arange(16).remainder(2).float()


class NoisyUnit(nn.Module):
    """Stands in for the model: a linear unit on the mean colour, with dropout from the global generator."""

    trainable = "head"

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.unit = nn.Linear(3, 1)

    def frozen_layers(self) -> tuple[nn.Module, nn.Module]:
        return nn.Identity(), nn.Identity()

    def logits_from_frozen(self, first: Tensor, second: Tensor) -> Tensor:
        return self.unit(nn.functional.dropout(first.mean((2, 3)), 0.5, self.training)).squeeze(1)

    def frozen_state(self) -> dict[str, Tensor]:
        return {}


@pytest.fixture
def train(train_set, validation_set):
    def run(workers: int, recipe: Recipe = RECIPE, state_file: StateFile | None = None) -> TrainingResult:
        data = TrainingData(train_set, validation_set, SPEC, 0.5)
        return train_model(NoisyUnit(), data, recipe, CPU, 5, RunOutputs(state_file=state_file), workers)

    return run


def assert_same(one: TrainingResult, other: TrainingResult) -> None:
    assert all(torch.equal(tensor, other.state[name]) for name, tensor in one.state.items())
    assert [replace(epoch, seconds=0) for epoch in one.history] == [
        replace(epoch, seconds=0) for epoch in other.history
    ]


class StoppedError(Exception):
    """Stands in for the end of the process."""


def test_workers_and_a_stop_between_two_steps_leave_no_trace_in_the_result(train, tmp_path, monkeypatch):
    whole, state_file = train(0), StateFile(tmp_path / "state.safetensors", {}, every_steps=1)
    save = StateFile.save

    def save_and_stop(self: StateFile, state: TrainingState) -> None:
        save(self, state)
        if (state.epoch, len(state.losses)) == (2, 3):
            raise StoppedError

    with monkeypatch.context() as patched:
        patched.setattr(StateFile, "save", save_and_stop)
        with pytest.raises(StoppedError):
            train(1, state_file=state_file)
    assert multiprocessing.active_children() == []
    assert_same(whole, train(2, state_file=state_file))
    assert multiprocessing.active_children() == []


def test_a_number_of_views_and_images_as_they_are_come_from_workers_alike(train):
    recipe = replace(RECIPE, views=2, epochs=1)
    assert_same(train(0, recipe), train(1, recipe))


def test_batches_from_the_middle_of_an_epoch_go_on_as_those_from_the_start():
    whole = list(DrawnBatches(LABELS, RECIPE, 5, 1, 0))
    assert len(whole) == 12
    rest = list(DrawnBatches(LABELS, RECIPE, 5, 2, 3))
    assert len(rest) == 5
    for one, other in zip(whole[7:], rest, strict=True):
        assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))
    assert torch.equal(whole[4][0], balanced_batches(LABELS, 4, 5, 2)[0])


def test_each_process_draws_its_own_rows_of_the_batches_of_one(monkeypatch):
    whole = list(DrawnBatches(LABELS, RECIPE, 5, 1, 0))
    for rank in range(2):
        monkeypatch.setattr(batch, "current_shard", lambda rank=rank: Shard(rank, 2))
        for one, own in zip(whole, DrawnBatches(LABELS, RECIPE, 5, 1, 0), strict=True):
            assert all(torch.equal(tensor[rank::2], rows) for tensor, rows in zip(one, own, strict=True))


def test_cached_activations_need_no_images_and_no_workers(train_set, tmp_path):
    computed = ComputedActivations(NoisyUnit(), train_set.images, SPEC, None, 5, CPU)
    cached, _ = activation_source(computed, 1, CacheSettings(tmp_path, "on"), "training")
    drawn, told = DrawnBatches(LABELS, replace(RECIPE, augment="none"), 5, 1, 0), []
    with training_feed(cached, drawn, 2, CPU, told.append) as given:
        assert multiprocessing.active_children() == []
        for (images, views), step in islice(zip(drawn, given.batches, strict=True), 3):
            assert torch.equal(given.source(*step.inputs)[0], computed(images, views)[0])
            assert torch.equal(step.labels, LABELS[images])
    assert told == ["2 workers not started: the activations of the training images are cached"]


@pytest.mark.parametrize(
    ("cores", "processes", "change", "images", "kind", "expected"),
    [
        (8, 1, {}, 5000, "cuda", 4),
        (3, 1, {}, 5000, "cuda", 2),
        (1, 1, {}, 5000, "cuda", 0),
        (8, 4, {}, 5000, "cuda", 1),
        (2, 4, {}, 5000, "cuda", 0),
        (8, 1, {}, 999, "cuda", 0),
        (8, 1, {"augment": "none"}, 5000, "cuda", 0),
        (8, 1, {}, 5000, "cpu", 0),
    ],
)
def test_workers_start_where_a_gpu_would_wait_for_views(cores, processes, change, images, kind, expected, monkeypatch):
    monkeypatch.setattr(feed, "usable_cores", lambda: cores)
    monkeypatch.setattr(feed, "launched_shard", lambda: Shard(0, processes))
    assert workers_that_fit(replace(RECIPE, **change), images, device(kind)) == expected


def test_run_as_a_module_its_workers_do_not_train_as_well(grain_folder, tmp_path):
    options = ("--weights", "none", "--epochs", "1", "--batch-size", "8", "--image-size", "32", "--device", "cpu")
    data = (
        "--data",
        str(grain_folder / "train"),
        "--val",
        str(grain_folder / "validation.csv"),
        "--out",
        str(tmp_path),
    )
    answer = subprocess.run(
        [sys.executable, "-m", "crbl_training", "--variant", "full", *data, *options, "--workers", "1"],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert answer.returncode == 0, answer.stderr
    assert "Views of the training images come from 1 worker\n" in answer.stdout
    assert answer.stdout.count("Epoch   1") == 1
    assert answer.stderr == ""
