"""The solved head in the training loop: it is epoch 0, in history, state and what is given back."""

from dataclasses import replace

import pytest
import torch

from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.train import loop as training_loop
from crbl_training.train.history import write_curves, write_history
from crbl_training.train.loop import RunOutputs, TrainingData, TrainingResult, train_model
from crbl_training.train.recipe import Recipe
from crbl_training.train.state import StateFile

SPEC = PreprocessingSpec("whole", image_size=32)
RECIPE = Recipe(epochs=1, batch_size=16, learning_rate=1e-3, head_start="solved")


class StoppedError(Exception):
    """Stands in for the end of the process."""


@pytest.fixture(scope="module")
def run(random_weights, train_set, validation_set):
    """Trains the head from the same weights, up to an epoch if one is given."""

    def train(recipe, state_file=None, stop_after=None) -> TrainingResult:
        torch.manual_seed(0)
        model = CRBLDualModel("head")
        model.load_state_dict(random_weights)

        def report(epoch):
            if epoch.number == stop_after:
                raise StoppedError

        data = TrainingData(train_set, validation_set, SPEC, 0.5)
        return train_model(model, data, recipe, torch.device("cpu"), 5, RunOutputs(report, state_file=state_file))

    return train


@pytest.fixture(scope="module")
def solved(run) -> TrainingResult:
    """What a run without epochs gives."""
    return run(replace(RECIPE, epochs=0, scheduler="cosine"))


def test_without_epochs_the_solved_head_is_the_whole_training(solved, random_weights, tmp_path):
    assert solved.best_epoch == 0
    (epoch,) = solved.history
    assert (epoch.number, epoch.learning_rate, epoch.best) == (0, 0.0, True)
    assert epoch.validation.images == 8
    assert solved.solved_head["train_loss"] == epoch.train_loss < 0.2
    changed = {name for name, tensor in solved.state.items() if not tensor.equal(random_weights[name])}
    assert changed == {"classifier.weight", "classifier.bias"}
    write_history(tmp_path / "history.csv", solved.history)
    assert (tmp_path / "history.csv").read_text().splitlines()[1].startswith("0,0,")
    write_curves(tmp_path / "curves.png", solved.history, "one point", augmented=False)
    assert (tmp_path / "curves.png").stat().st_size > 10_000


def test_training_that_only_makes_it_worse_gives_back_the_solved_head(run, solved):
    result = run(replace(RECIPE, epochs=2, learning_rate=10.0))
    assert [(epoch.number, epoch.best) for epoch in result.history] == [(0, True), (1, False), (2, False)]
    assert result.best_epoch == 0
    assert result.state["classifier.weight"].equal(solved.state["classifier.weight"])


def test_a_run_stopped_after_epoch_0_goes_on_to_the_same_bits_without_solving_again(run, tmp_path, monkeypatch):
    whole, state_file = run(RECIPE), StateFile(tmp_path / "training_state.safetensors", {})
    with pytest.raises(StoppedError):
        run(RECIPE, state_file, stop_after=0)
    monkeypatch.setattr(training_loop, "solve_head", lambda *given: pytest.fail("solved again"))
    resumed = run(RECIPE, state_file)
    assert [epoch.number for epoch in resumed.history] == [0, 1]
    assert resumed.solved_head == whole.solved_head
    assert all(tensor.equal(whole.state[name]) for name, tensor in resumed.state.items())
    assert [replace(epoch, seconds=0) for epoch in resumed.history] == [
        replace(epoch, seconds=0) for epoch in whole.history
    ]
