"""state.py and --resume: a stopped run goes on to the bits of one that was not."""

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from torch import Tensor, device

from crbl_runtime.errors import CheckpointError, UsageError
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.train.activation_cache import NO_CACHE, CacheSettings
from crbl_training.train.loop import RunOutputs, TrainingData, TrainingResult, train_model
from crbl_training.train.recipe import Recipe
from crbl_training.train.state import StateFile, TrainingState
from filled_page import FilledPage
from forked_process import start_forked
from public_commands import run_command

SPEC = PreprocessingSpec("whole", image_size=32)
CROP = Recipe(epochs=2, batch_size=8, learning_rate=1e-3)
HEAD = replace(CROP, epochs=3, batch_size=16)
STATE = "training_state.safetensors"
OPTIONS = ("--weights", "none", "--epochs", "3", "--batch-size", "4", "--image-size", "32", "--lr", "1e-3")
IDENTITY = {"seed": 1, "mean": (0.0, 0.0)}
pytestmark = pytest.mark.usefixtures("few_resamples")

Train = Callable[..., TrainingResult]


class StoppedError(Exception):
    """Stands in for the end of the process."""


@pytest.fixture(scope="module")
def run(random_weights, train_set, validation_set) -> Train:
    """Trains from the same weights, up to an epoch if one is given."""

    def train(trainable, recipe, state_file=None, stop_after=None, cache=NO_CACHE) -> TrainingResult:
        model = CRBLDualModel(trainable)
        model.load_state_dict(random_weights)

        def report(epoch):
            if epoch.number == stop_after:
                raise StoppedError

        data = TrainingData(train_set, validation_set, SPEC, 0.5)
        outputs = RunOutputs(report, state_file=state_file, cache=cache)
        return train_model(model, data, recipe, device("cpu"), 5, outputs)

    return train


@pytest.fixture(scope="module")
def whole_crop(run) -> TrainingResult:
    """A run of the crop variant that nothing stopped."""
    return run("after-150", CROP)


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(one[name].equal(other[name]) for name in one)


def assert_same_run(whole: TrainingResult, resumed: TrainingResult) -> None:
    assert equal(whole.state, resumed.state)
    assert [replace(epoch, seconds=0) for epoch in whole.history] == [
        replace(epoch, seconds=0) for epoch in resumed.history
    ]


@pytest.mark.parametrize("change", [{"scheduler": "cosine"}, {"accumulate": 2, "views": 2, "best_by": "auroc"}])
def test_stopped_after_an_epoch_goes_on_to_the_same_bits(run, tmp_path, change):
    recipe, state_file = replace(HEAD, **change), StateFile(tmp_path / STATE, {})
    with pytest.raises(StoppedError):
        run("head", recipe, state_file, stop_after=1)
    assert_same_run(run("head", recipe), run("head", recipe, state_file))


def test_stopped_after_an_epoch_and_between_two_steps_goes_on_to_the_same_bits(run, whole_crop, tmp_path, monkeypatch):
    saved: list[tuple[int, int]] = []
    after_epoch, state_file = tmp_path / "after an epoch", StateFile(tmp_path / STATE, {}, every_steps=1)
    save = StateFile.save

    def save_and_stop(self: StateFile, state: TrainingState) -> None:
        save(self, state)
        saved.append((state.epoch, len(state.losses)))
        if saved[-1] == (2, 0):
            after_epoch.write_bytes(self.path.read_bytes())
        if saved[-1] == (2, 1):
            raise StoppedError

    with monkeypatch.context() as patched:
        patched.setattr(StateFile, "save", save_and_stop)
        with pytest.raises(StoppedError):
            run("after-150", CROP, state_file)
    assert saved == [(1, 1), (2, 0), (2, 1)]
    assert_same_run(whole_crop, run("after-150", CROP, state_file))
    assert_same_run(whole_crop, run("after-150", CROP, StateFile(after_epoch, {})))


@pytest.fixture(scope="module")
def ended(run, tmp_path_factory) -> tuple[Path, TrainingResult]:
    """The state that a run of one epoch left, and its result."""
    path = tmp_path_factory.mktemp("ended") / STATE
    return path, run("head", replace(HEAD, epochs=1), StateFile(path, IDENTITY))


def test_a_run_that_has_ended_trains_no_further(run, ended):
    path, first = ended
    again = run("head", replace(HEAD, epochs=1), StateFile(path, IDENTITY), stop_after=1)
    assert_same_run(first, again)


@pytest.mark.parametrize("trainable", ["after-150", "head"])
def test_cached_run_gives_the_bits_of_the_computed_one(run, tmp_path, trainable):
    recipe = replace(CROP, views=2, epochs=1)
    settings = CacheSettings(tmp_path, "on")
    computed = run(trainable, recipe)
    filled = run(trainable, recipe, cache=settings)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    read = run(trainable, recipe, cache=settings)
    assert equal(computed.state, filled.state)
    assert equal(computed.state, read.state)
    assert len(files) == 2
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == files


def test_truncated_state_is_refused(ended, tmp_path):
    state_file = StateFile(tmp_path / "state.safetensors", IDENTITY)
    state_file.path.write_bytes(ended[0].read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match=r"state\.safetensors is damaged .* Delete it to begin anew"):
        state_file.load()


def test_state_of_another_run_is_refused_with_what_differs(ended):
    assert StateFile(ended[0], IDENTITY).load() is not None
    with pytest.raises(UsageError, match=r"another run: seed was 1 and is 2\. Resume with the same options"):
        StateFile(ended[0], IDENTITY | {"seed": 2}).load()


def arguments(grain_folder: Path, out: Path, *more: str) -> tuple[str, ...]:
    data = ("--data", str(grain_folder / "train"), "--val", str(grain_folder / "validation.csv"), "--out", str(out))
    return ("crbl-train", "--variant", "crop", "--device", "cpu", *data, *OPTIONS, *more)


def kill_at_any_moment(process: BaseProcess, folder: Path, chance: random.Random, in_writing: bool) -> bool:
    """Kill the process some time after it has saved its state, or while it does; False if it ended before."""
    state = folder / STATE
    before = state.stat().st_mtime_ns if state.exists() else 0
    while process.is_alive():
        if in_writing and any(folder.glob(f".{Path(STATE).stem}.*")):
            break
        if not in_writing and state.exists() and state.stat().st_mtime_ns != before:
            time.sleep(chance.uniform(0, 0.5))
            break
        time.sleep(0.002)
    process.kill()
    process.join()
    return process.exitcode == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_killed_ten_times_it_ends_with_the_bits_of_a_run_left_alone(grain_folder, tmp_path):
    alone = run_command(*arguments(grain_folder, tmp_path / "alone"))
    assert alone.returncode == 0, alone.stderr
    folder, chance = tmp_path / "killed", random.Random(3)
    options = arguments(grain_folder, folder, "--save-steps", "1", "--resume")
    for number in range(10):
        process = start_forked(run_command, *options)
        in_writing = number % 2 == 1
        assert kill_at_any_moment(process, folder, chance, in_writing), f"it ended before kill {number + 1}"
        assert FilledPage.read(folder / "report.html").data["status"] == "running"
    ended = run_command(*options)
    assert ended.returncode == 0, ended.stderr
    assert "Resumed at epoch" in ended.stdout
    one, other = (next(path.glob("CRBL_*.safetensors")).read_bytes() for path in (tmp_path / "alone", folder))
    assert tensors_of(one) == tensors_of(other)
    assert not [path for path in folder.iterdir() if path.name.startswith((".", "training_state"))]
    report = FilledPage.read(folder / "report.html").data
    assert (report["status"], [epoch["number"] for epoch in report["epochs"]]) == ("finished", [1, 2, 3])
    assert 0 < report["epochs_before"] <= 3
    assert not report["command"].endswith("--resume")


def tensors_of(content: bytes) -> bytes:
    """What follows the header of a safetensors file, which tells when and how it was trained."""
    return content[8 + int.from_bytes(content[:8], "little") :]


@pytest.fixture(scope="module")
def unfinished(grain_folder, tmp_path_factory) -> Path:
    """The folder of a run that was stopped after its first step."""
    folder = tmp_path_factory.mktemp("unfinished")
    save = StateFile.save

    def save_and_stop(self: StateFile, state: TrainingState) -> None:
        save(self, state)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(StateFile, "save", save_and_stop)
        assert run_command(*arguments(grain_folder, folder, "--save-steps", "1")).returncode == 130
    return folder


def test_an_unfinished_run_is_never_overwritten(unfinished, grain_folder):
    before = (unfinished / STATE).read_bytes()
    answer = run_command(*arguments(grain_folder, unfinished))
    assert answer.returncode == 2
    assert "holds an unfinished run. Go on with it by --resume" in answer.stderr
    assert (unfinished / STATE).read_bytes() == before


def test_the_report_of_a_run_that_somebody_stopped_says_so(unfinished):
    report = FilledPage.read(unfinished / "report.html").data
    assert (report["status"], report["reason"], report["epochs"], report["result"]) == ("stopped", None, [], None)


def test_resuming_with_another_seed_is_refused(unfinished, grain_folder):
    answer = run_command(*arguments(grain_folder, unfinished, "--resume", "--seed", "9"))
    assert answer.returncode == 2
    assert "seed was 0 and is 9" in answer.stderr
    assert FilledPage.read(unfinished / "report.html").data["provenance"]["seed"] == 0


def test_resuming_a_run_that_has_ended_is_refused_with_the_way_on(grain_folder, tmp_path):
    (tmp_path / "CRBL_250101_pytorch_directml_crop.safetensors").touch()
    answer = run_command(*arguments(grain_folder, tmp_path, "--resume"))
    assert answer.returncode == 2
    assert "that run has ended with CRBL_250101" in answer.stderr
    assert "--from-checkpoint" in answer.stderr
