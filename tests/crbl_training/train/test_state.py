"""training_state.py and --resume: a stopped run goes on to the bits of one that was not."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from crbl_runtime.errors import CheckpointError, UsageError
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.train.activation_cache import CacheSettings
from crbl_training.train.loop import TrainingResult, train_model
from crbl_training.train.recipe import Recipe
from crbl_training.train.state import StateFile, TrainingState

SPEC = PreprocessingSpec("whole", image_size=32)
SHORT = Recipe(epochs=3, batch_size=8, learning_rate=1e-3)
OPTIONS = ("--weights", "none", "--epochs", "3", "--batch-size", "4", "--image-size", "32", "--lr", "1e-3")


class KilledError(Exception):
    """Stands in for the end of the process."""


@pytest.fixture
def run(random_weights, train_set, validation_set):
    """Trains from the same weights; `report` and `state_file` as given."""

    def train(recipe=SHORT, trainable="after-150", state_file=None, stop_after=None, cache=None) -> TrainingResult:
        model = CRBLDualModel(trainable)
        model.load_state_dict(random_weights)

        def report(epoch):
            if epoch.number == stop_after:
                raise KilledError

        arguments = (model, train_set, validation_set, SPEC, 0.5, recipe, torch.device("cpu"), 5, report)
        return train_model(*arguments, state_file=state_file, cache=cache)

    return train


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("trainable", "change"),
    [("after-150", {}), ("head", {"scheduler": "cosine"}), ("head", {"accumulate": 2, "views": 2})],
)
def test_stopped_after_an_epoch_goes_on_to_the_same_bits(run, tmp_path, trainable, change):
    recipe, state_file = replace(SHORT, **change), StateFile(tmp_path / "state.safetensors", {})
    whole = run(recipe, trainable)
    with pytest.raises(KilledError):
        run(recipe, trainable, state_file, stop_after=1)
    resumed = run(recipe, trainable, state_file)
    assert equal(whole.state, resumed.state)
    assert [replace(epoch, seconds=0) for epoch in whole.history] == [
        replace(epoch, seconds=0) for epoch in resumed.history
    ]


def test_stopped_between_two_steps_goes_on_to_the_same_bits(run, tmp_path, monkeypatch):
    whole, saved = run(), []
    state_file = StateFile(tmp_path / "state.safetensors", {}, every_steps=1)
    save = StateFile.save

    def save_and_stop(self: StateFile, state: TrainingState) -> None:
        save(self, state)
        saved.append((state.epoch, len(state.losses)))
        if saved[-1] == (2, 1):
            raise KilledError

    monkeypatch.setattr(StateFile, "save", save_and_stop)
    with pytest.raises(KilledError):
        run(state_file=state_file)
    assert saved == [(1, 1), (2, 0), (2, 1)]
    monkeypatch.setattr(StateFile, "save", save)
    assert equal(whole.state, run(state_file=state_file).state)


def test_a_run_that_has_ended_trains_no_further(run, tmp_path):
    state_file = StateFile(tmp_path / "state.safetensors", {})
    first = run(state_file=state_file, trainable="head")
    again = run(state_file=state_file, trainable="head", stop_after=4)
    assert equal(first.state, again.state)
    assert len(again.history) == 3


@pytest.mark.parametrize("trainable", ["after-150", "head"])
def test_cached_run_gives_the_bits_of_the_computed_one(run, tmp_path, trainable):
    recipe = replace(SHORT, views=2, epochs=2)
    settings = CacheSettings(tmp_path, "on")
    computed = run(recipe, trainable)
    filled = run(recipe, trainable, cache=settings)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    read = run(recipe, trainable, cache=settings)
    assert equal(computed.state, filled.state)
    assert equal(computed.state, read.state)
    assert len(files) == 2
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == files


def test_truncated_state_is_refused(run, tmp_path):
    state_file = StateFile(tmp_path / "state.safetensors", {})
    with pytest.raises(KilledError):
        run(state_file=state_file, trainable="head", stop_after=1)
    state_file.path.write_bytes(state_file.path.read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match=r"state\.safetensors is damaged .* Delete it to begin anew"):
        state_file.load()


def test_state_of_another_run_is_refused_with_what_differs(run, tmp_path):
    path = tmp_path / "state.safetensors"
    with pytest.raises(KilledError):
        run(state_file=StateFile(path, {"seed": 1, "mean": (0.0, 0.0)}), trainable="head", stop_after=1)
    assert StateFile(path, {"seed": 1, "mean": (0.0, 0.0)}).load() is not None
    with pytest.raises(UsageError, match=r"another run: seed was 1 and is 2\. Resume with the same options"):
        StateFile(path, {"seed": 2, "mean": (0.0, 0.0)}).load()


def command(grain_folder: Path, out: Path, *more: str) -> list[str]:
    data = ("--data", str(grain_folder / "train"), "--val", str(grain_folder / "validation.csv"), "--out", str(out))
    return [sys.executable, "-m", "crbl_training", "--variant", "crop", "--device", "cpu", *data, *OPTIONS, *more]


def end_at_any_moment(process: subprocess.Popen[bytes], folder: Path, chance: random.Random, in_writing: bool) -> bool:
    """Kill the process some time after it has saved its state, or while it does; False if it ended before."""
    state = folder / "training_state.safetensors"
    before = state.stat().st_mtime_ns if state.exists() else 0
    while process.poll() is None:
        if in_writing and any(folder.glob(".training_state.*")):
            break
        if not in_writing and state.exists() and state.stat().st_mtime_ns != before:
            time.sleep(chance.uniform(0, 1))
            break
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_killed_ten_times_it_ends_with_the_bits_of_a_run_left_alone(grain_folder, tmp_path):
    alone = subprocess.run(command(grain_folder, tmp_path / "alone"), capture_output=True, text=True)
    assert alone.returncode == 0, alone.stderr
    folder, chance = tmp_path / "killed", random.Random(3)
    options = command(grain_folder, folder, "--save-steps", "1", "--resume")
    killed = 0
    while killed < 10:
        process = subprocess.Popen(options, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert end_at_any_moment(process, folder, chance, in_writing=killed % 2 == 1), "it ended before the tenth kill"
        killed += 1
    ended = subprocess.run(options, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "Resumed at epoch" in ended.stdout
    one, other = (next(path.glob("CRBL_*.safetensors")).read_bytes() for path in (tmp_path / "alone", folder))
    assert tensors_of(one) == tensors_of(other)
    assert not [path for path in folder.iterdir() if path.name.startswith((".", "training_state"))]


def tensors_of(content: bytes) -> bytes:
    """What follows the header of a safetensors file, which tells when and how it was trained."""
    return content[8 + int.from_bytes(content[:8], "little") :]


@pytest.fixture(scope="module")
def unfinished(grain_folder, tmp_path_factory) -> Path:
    """The folder of a run that was killed after its first step."""
    folder = tmp_path_factory.mktemp("unfinished")
    process = subprocess.Popen(command(grain_folder, folder, "--save-steps", "1"), stdout=subprocess.DEVNULL)
    while not (folder / "training_state.safetensors").exists():
        assert process.poll() is None
        time.sleep(0.002)
    process.kill()
    process.wait()
    return folder


def test_an_unfinished_run_is_never_overwritten(unfinished, grain_folder):
    answer = subprocess.run(command(grain_folder, unfinished), capture_output=True, text=True)
    assert answer.returncode == 2
    assert "holds an unfinished run. Go on with it by --resume" in answer.stderr


def test_resuming_with_another_seed_is_refused(unfinished, grain_folder):
    answer = subprocess.run(
        command(grain_folder, unfinished, "--resume", "--seed", "9"), capture_output=True, text=True
    )
    assert answer.returncode == 2
    assert "seed was 0 and is 9" in answer.stderr


def test_resuming_a_run_that_has_ended_is_refused_with_the_way_on(unfinished, grain_folder, tmp_path):
    folder = tmp_path / "ended"
    shutil.copytree(unfinished, folder)
    (folder / "training_state.safetensors").rename(folder / "CRBL_250101_pytorch_directml_crop.safetensors")
    answer = subprocess.run(command(grain_folder, folder, "--resume"), capture_output=True, text=True)
    assert answer.returncode == 2
    assert "that run has ended with CRBL_250101" in answer.stderr
    assert "--from-checkpoint" in answer.stderr
