"""loop.py: the original recipe piece by piece, and the same weights from the same seed."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from crbl_runtime.errors import CRBLError
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.data.batches import balanced_batches
from crbl_training.evaluation.metrics import compute_metrics
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.model.loss import training_loss
from crbl_training.train import loop as training_loop
from crbl_training.train.history import Epoch
from crbl_training.train.loop import RunOutputs, TrainingData, TrainingResult, train_model
from crbl_training.train.recipe import Recipe
from crbl_training.train.state import StateFile

SPEC = PreprocessingSpec("whole", image_size=32)
CPU = torch.device("cpu")
SHORT = Recipe(epochs=2, batch_size=8, learning_rate=1e-3)


class OneUnit(nn.Module):
    """Stands in for the model where only the loop matters: one linear unit on the mean colour."""

    def __init__(self) -> None:
        super().__init__()
        self.unit = nn.Linear(3, 1)
        nn.init.zeros_(self.unit.weight)

    def frozen_layers(self) -> tuple[nn.Module, nn.Module]:
        return nn.Identity(), nn.Identity()

    def logits_from_frozen(self, first: Tensor, second: Tensor) -> Tensor:
        return self.unit(first.mean((2, 3))).squeeze(1)


def run(model, train_set, validation_set, recipe, seed=0, report=lambda epoch: None) -> TrainingResult:
    data = TrainingData(train_set, validation_set, SPEC, 0.5)
    return train_model(model, data, recipe, CPU, seed, RunOutputs(report))


@pytest.fixture
def make_model(random_weights):
    """Makes models with the same weights, of either kind of training."""

    def make(trainable: str) -> CRBLDualModel:
        model = CRBLDualModel(trainable)
        model.load_state_dict(random_weights)
        return model

    return make


def moved(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}


def test_crop_moves_exactly_what_learns_and_does_so_the_same_for_the_same_seed(
    make_model, train_set, validation_set, random_weights
):
    model, recipe = make_model("after-150"), replace(SHORT, epochs=1)
    states = []
    for global_seed, seed in ((1, 5), (2, 5), (1, 6)):
        torch.manual_seed(global_seed)  # what happened before must not matter
        states.append(run(make_model("after-150"), train_set, validation_set, recipe, seed).state)
    assert moved(states[0], states[1]) == set()
    assert "classifier.weight" in moved(states[0], states[2])
    learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    statistics = {
        f"{name}.{kind}"
        for name, module in model.named_modules()
        if isinstance(module, nn.BatchNorm2d) and f"{name}.weight" in learning
        for kind in ("running_mean", "running_var", "num_batches_tracked")
    }
    assert moved(random_weights, states[0]) == learning | statistics


def test_full_moves_the_head_alone_and_learns(make_model, train_set, random_weights):
    recipe = replace(SHORT, epochs=4, augment="none")
    result = run(make_model("head"), train_set, train_set, recipe)
    assert moved(random_weights, result.state) == {"classifier.weight", "classifier.bias"}
    assert result.history[-1].train_loss < 0.7 * result.history[0].train_loss
    assert result.history[-1].validation.auroc == 1.0


@pytest.mark.parametrize(
    ("class_weights", "expected"),
    [("assumed", (1 / (2 * 0.88), 1 / (2 * 0.12))), ("balanced", (1.0, 1.0)), ((1.0, 3.0), (1.0, 3.0))],
)
def test_loss_is_weighted_by_class_over_half_and_half_batches(train_set, validation_set, class_weights, expected):
    model = OneUnit()
    recipe = Recipe(epochs=1, batch_size=4, learning_rate=1e-30, augment="none", class_weights=class_weights)
    result = run(model, train_set, validation_set, recipe, seed=7)
    losses = []
    for indices in balanced_batches(train_set.labels, 4, seed=7, epoch=1):
        x = (train_set.images[indices] / 255).permute(0, 3, 1, 2)
        logits = model.logits_from_frozen(x, x)
        losses.append(training_loss(logits, train_set.labels[indices], expected).item())
    assert result.history[0].train_loss == pytest.approx(sum(losses) / len(losses), rel=1e-5)


def test_weight_decay_reaches_the_optimizer(train_set, validation_set):
    models = [OneUnit(), OneUnit()]
    models[1].load_state_dict(models[0].state_dict())
    for model, decay in zip(models, (0.0, 10.0), strict=True):
        run(model, train_set, validation_set, Recipe(epochs=1, batch_size=4, weight_decay=decay, augment="none"))
    assert not torch.equal(models[0].unit.weight, models[1].unit.weight)


def test_augmentation_changes_what_is_learnt(train_set, validation_set):
    losses = set()
    for augment in ("original", "none"):
        torch.manual_seed(0)
        recipe = Recipe(epochs=1, batch_size=4, augment=augment)
        losses.add(run(OneUnit(), train_set, validation_set, recipe).history[0].train_loss)
    assert len(losses) == 2


@pytest.fixture
def script_losses(monkeypatch):
    """Makes the validation losses come out as given, one an epoch."""

    def script(*losses: float) -> None:
        coming = iter(losses)
        monkeypatch.setattr(
            training_loop, "compute_metrics", lambda *given: replace(compute_metrics(*given), loss=next(coming))
        )

    return script


def run_and_watch(train_set, validation_set, recipe) -> tuple[TrainingResult, list[dict[str, Tensor]]]:
    """The result and the weights after each epoch."""
    model, weights = OneUnit(), []

    def copy_weights(epoch: Epoch) -> None:
        weights.append({name: tensor.clone() for name, tensor in model.state_dict().items()})

    return run(model, train_set, validation_set, recipe, report=copy_weights), weights


def test_training_stops_early_and_gives_back_the_best_epoch(train_set, validation_set, script_losses):
    script_losses(1.0, 0.5, 0.7, 0.5, 0.6, 0.1)
    result, weights = run_and_watch(train_set, validation_set, replace(SHORT, epochs=6, early_stopping=3))
    assert [epoch.number for epoch in result.history] == [1, 2, 3, 4, 5]
    assert [epoch.best for epoch in result.history] == [True, True, False, False, False]
    assert result.best_epoch == 2
    assert moved(result.state, weights[1]) == set()
    assert moved(result.state, weights[4]) == {"unit.weight", "unit.bias"}


def test_every_better_epoch_postpones_the_end(train_set, validation_set, script_losses):
    script_losses(1.0, 1.1, 0.9, 1.1, 0.8, 1.1)
    result, _ = run_and_watch(train_set, validation_set, replace(SHORT, epochs=6, early_stopping=2))
    assert len(result.history) == 6
    assert result.best_epoch == 5


def test_learning_rate_halves_after_the_plateau_s_patience(train_set, validation_set, script_losses):
    script_losses(1.0, *[2.0] * 9)
    recipe = Recipe(epochs=10, batch_size=8, learning_rate=1e-3, smallest_learning_rate=3e-4)
    result, _ = run_and_watch(train_set, validation_set, recipe)
    # torch's ReduceLROnPlateau: patience 2 bears epochs 2 and 3; epoch 4 is one too many, and so is 7.
    rates = [epoch.learning_rate for epoch in result.history]
    assert rates == pytest.approx([1e-3] * 4 + [5e-4] * 3 + [3e-4] * 3)


def test_original_recipe_ends_ten_epochs_after_the_best(train_set, validation_set, script_losses):
    script_losses(0.9, 0.8, *[2.0] * 28)
    result, _ = run_and_watch(train_set, validation_set, Recipe(batch_size=8))
    assert len(result.history) == 12


@pytest.fixture
def script_metrics(monkeypatch):
    """Makes the validation metrics come out as given, one set an epoch."""

    def script(*metrics: dict[str, float]) -> None:
        coming = iter(metrics)
        monkeypatch.setattr(
            training_loop, "compute_metrics", lambda *given: replace(compute_metrics(*given), **next(coming))
        )

    return script


@pytest.mark.parametrize(("best_by", "name"), [("auroc", "auroc"), ("average-precision", "average_precision")])
def test_best_epoch_end_and_plateau_follow_the_chosen_metric_and_not_the_loss(
    train_set, validation_set, script_metrics, best_by, name
):
    values = [(0.5, 0.6), (0.9, 0.7), (0.8, 0.7), (1.0, 0.65), (1.1, 0.6), (1.2, 0.5), (0.1, 0.4)]
    script_metrics(*({"loss": loss, name: value} for loss, value in values))
    recipe = replace(SHORT, epochs=7, early_stopping=3, plateau_patience=1, best_by=best_by)
    result, weights = run_and_watch(train_set, validation_set, recipe)
    # Epoch 3 ties with 2 and has the lower loss. The plateau is found after two epochs without more than epoch 2 has.
    assert [epoch.best for epoch in result.history] == [True, True, True, False, False, False]
    assert result.best_epoch == 3
    assert moved(result.state, weights[2]) == set()
    rates = [epoch.learning_rate / 1e-3 for epoch in result.history]
    assert rates == pytest.approx([1, 1, 1, 1, 0.5, 0.5])


@pytest.mark.parametrize("best_by", ["loss", "auroc"])
def test_a_resumed_run_knows_the_best_epoch_so_far(train_set, validation_set, script_metrics, tmp_path, best_by):
    script_metrics(*({"loss": 1 - auroc, "auroc": auroc} for auroc in (0.6, 0.7, 0.65, 0.8)))
    data = TrainingData(train_set, validation_set, SPEC, 0.5)
    outputs = RunOutputs(state_file=StateFile(tmp_path / "state.safetensors", {}))
    for epochs in (2, 4):
        result = train_model(OneUnit(), data, replace(SHORT, epochs=epochs, best_by=best_by), CPU, 0, outputs)
    assert [epoch.best for epoch in result.history] == [True, True, False, True]


class WatchesMode(OneUnit):
    """Notes at each call whether it is in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.modes: list[bool] = []

    def logits_from_frozen(self, first: Tensor, second: Tensor) -> Tensor:
        self.modes.append(self.training)
        return super().logits_from_frozen(first, second)


def test_every_epoch_trains_in_training_mode_and_validates_in_eval_mode(train_set, validation_set):
    model = WatchesMode().eval()
    run(model, train_set, validation_set, SHORT)
    assert model.modes == [True, True, False] * 2


class NanAfter(OneUnit):
    """Gives NaN from its n-th call on."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.calls_left = calls

    def logits_from_frozen(self, first: Tensor, second: Tensor) -> Tensor:
        self.calls_left -= 1
        return super().logits_from_frozen(first, second) * (float("nan") if self.calls_left < 0 else 1)


@pytest.mark.parametrize(
    ("calls", "when"),
    [(0, "Epoch 1, step 1"), (1, "Epoch 1, step 2"), (2, "Epoch 1, validation"), (4, "Epoch 2, step 2")],
)
def test_nan_stops_training_with_the_moment_and_a_remedy(train_set, validation_set, calls, when):
    with pytest.raises(CRBLError, match=rf"{when}: the network gave NaN or infinite logits\. Lower --lr"):
        run(NanAfter(calls), train_set, validation_set, SHORT)


def test_learning_rate_far_too_high_ends_in_the_same_words(train_set, validation_set):
    with pytest.raises(CRBLError, match="NaN or infinite logits"):
        run(OneUnit(), train_set, validation_set, replace(SHORT, learning_rate=1e37))


@pytest.mark.parametrize("seed", [2**40, 2**63 - 1])
def test_large_seeds_train(train_set, validation_set, seed):
    assert run(OneUnit(), train_set, validation_set, replace(SHORT, epochs=1), seed).best_epoch == 1


def test_cosine_falls_from_the_first_rate_to_the_smallest(train_set, validation_set):
    recipe = Recipe(epochs=5, batch_size=8, learning_rate=1e-3, smallest_learning_rate=1e-4, scheduler="cosine")
    result, _ = run_and_watch(train_set, validation_set, recipe)
    expected = [1e-4 + 9e-4 * (1 + math.cos(math.pi * epoch / 5)) / 2 for epoch in range(5)]
    assert [epoch.learning_rate for epoch in result.history] == pytest.approx(expected)


def test_label_smoothing_reaches_the_loss(train_set, validation_set):
    losses = set()
    for smoothing in (0.0, 0.2):
        torch.manual_seed(0)
        recipe = Recipe(epochs=1, batch_size=4, label_smoothing=smoothing)
        losses.add(run(OneUnit(), train_set, validation_set, recipe).history[0].train_loss)
    assert len(losses) == 2


class CountsImages(OneUnit):
    """Notes how many images it sees at each call."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: list[int] = []

    def logits_from_frozen(self, first: Tensor, second: Tensor) -> Tensor:
        self.counts.append(len(first))
        return super().logits_from_frozen(first, second)


def test_micro_batches_make_the_same_steps(train_set, validation_set):
    whole, split = (CountsImages() for _ in range(2))
    split.load_state_dict(whole.state_dict())
    recipe = Recipe(epochs=1, batch_size=8, learning_rate=1e-2)
    run(whole, train_set, validation_set, recipe)
    run(split, train_set, validation_set, replace(recipe, accumulate=4))
    assert (whole.counts, split.counts) == ([8, 8, 8], [2] * 8 + [8])
    for one, other in zip(whole.parameters(), split.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_a_number_of_views_is_all_that_is_ever_seen(train_set, validation_set):
    seen: set[bytes] = set()

    class Watches(OneUnit):
        def logits_from_frozen(self, first: Tensor, second: Tensor) -> Tensor:
            if self.training:
                seen.update(image.numpy().tobytes() for image in first)
            return super().logits_from_frozen(first, second)

    run(Watches(), train_set, validation_set, Recipe(epochs=6, batch_size=8, learning_rate=1e-9, views=2))
    assert 24 < len(seen) <= 32
    seen.clear()
    run(Watches(), train_set, validation_set, Recipe(epochs=6, batch_size=8, learning_rate=1e-9))
    assert len(seen) == 96


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_mixed_precision_trains_on_cuda(make_model, train_set, validation_set):
    recipe = replace(SHORT, amp=True, epochs=4)
    data = TrainingData(train_set, validation_set, SPEC, 0.5)
    result = train_model(make_model("head"), data, recipe, torch.device("cuda"), 0)
    assert result.history[-1].train_loss < result.history[0].train_loss


def test_clip_norm_bounds_the_gradient_that_adam_sees(train_set, validation_set, monkeypatch):
    seen = []
    step = training_loop.Adam.step

    def look_and_step(self, closure=None):
        gradients = [parameter.grad.flatten() for group in self.param_groups for parameter in group["params"]]
        seen.append(float(torch.cat(gradients).norm()))
        step(self, closure)

    monkeypatch.setattr(training_loop.Adam, "step", look_and_step)
    run(OneUnit(), train_set, validation_set, replace(SHORT, epochs=1))
    free, seen[:] = list(seen), []
    run(OneUnit(), train_set, validation_set, replace(SHORT, epochs=1, clip_norm=min(free) / 2))
    assert seen == pytest.approx([min(free) / 2] * len(free), rel=1e-4)
