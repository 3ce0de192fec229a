"""The training loop: batches in, the best weights out."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torch.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau
from tqdm import tqdm

from crbl_runtime.errors import UsageError
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.data.augmentation import get_augmentation
from crbl_training.data.batches import balanced_batches, batches_of_size, even_size
from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.evaluation.metrics import EVALUATION_BATCH, compute_metrics
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.model.loss import class_weights, training_loss
from crbl_training.process_group import average_gradients, broadcast_from_rank0, current_shard, gather_rows
from crbl_training.seeds import derive_seed
from crbl_training.train.activation_cache import CacheSettings, activation_source
from crbl_training.train.activations import ActivationSource, ComputedActivations
from crbl_training.train.adam import Adam
from crbl_training.train.epoch import Epoch
from crbl_training.train.gradient_clipping import clip_gradients
from crbl_training.train.learning_rate import end_epoch, learning_rate_scheduler
from crbl_training.train.recipe import Recipe
from crbl_training.train.state import StateFile, TrainingState
from crbl_training.train.step import Batch, compute_gradients, require_finite


@dataclass(frozen=True)
class TrainingResult:
    """The best epoch's weights (CPU tensors), its number, and all epochs."""

    state: dict[str, Tensor]
    best_epoch: int
    history: tuple[Epoch, ...]


@dataclass
class _Progress:
    """What changes from step to step beside the weights; see `TrainingState`."""

    parts: int
    best: dict[str, Tensor]
    epoch: int = 1
    losses: list[float] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = float("inf")
    history: list[Epoch] = field(default_factory=list)


def train_model(
    model: CRBLDualModel,
    train: PreparedDataset,
    validation: PreparedDataset,
    spec: PreprocessingSpec,
    threshold: float,
    recipe: Recipe,
    device: torch.device,
    seed: int,
    report: Callable[[Epoch], None],
    *,
    say: Callable[[str], None] = lambda message: None,
    state_file: StateFile | None = None,
    cache: CacheSettings | None = None,
) -> TrainingResult:
    """Train until the recipe ends it, and give back the weights with the lowest validation loss.

    The same arguments give the same weights bit for bit on the CPU, however often the run was killed and resumed.

    Args:
        threshold: for the validation figures at each epoch; the loss alone decides which epoch is best.
        report: called after each epoch. say: called with what else a user should know.
        state_file: what is in it is continued, and it is kept up to date; None to keep nothing.
        cache: where frozen activations are kept; None to compute them for each batch.

    Raises:
        CRBLError: a logit is not finite, or the memory is too small for single images.
        UsageError: the state is of another run. What `activation_source` raises.
    """
    model.to(device)
    broadcast_from_rank0(model.state_dict().values())
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = Adam(learning, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    scheduler = learning_rate_scheduler(recipe, optimizer)
    progress = _Progress(recipe.accumulate, _cpu_copy(model))
    if state_file is not None:
        _resume(state_file, model, optimizer, scheduler, progress, say)

    settings = cache if cache is not None else CacheSettings(Path(), "off")
    transform = get_augmentation(recipe.augment, spec.image_size)
    train_source, sentence = activation_source(
        ComputedActivations(model, train.images, spec, transform, seed, device),
        recipe.views if transform is not None else 1,
        settings,
        "training",
    )
    say(sentence)
    validation_source, sentence = activation_source(
        ComputedActivations(model, validation.images, spec, None, seed, device),
        1,
        settings,
        "validation",
    )
    say(sentence)

    def save() -> None:
        if state_file is not None and current_shard().rank == 0:
            state_file.save(_capture(model, optimizer, scheduler, progress))

    while not _finished(progress, recipe):
        started = time.perf_counter()
        learning_rate = optimizer.param_groups[0]["lr"]
        every_steps = state_file.every_steps if state_file is not None else 0
        _train_epoch(
            model, optimizer, train_source, train.labels, recipe, device, seed, progress, say, save, every_steps
        )
        logits = _validation_logits(model, validation_source, len(validation.labels))
        require_finite(logits, f"Epoch {progress.epoch}, validation")
        figures = compute_metrics(logits, validation.labels, threshold)
        is_best = figures.loss < progress.best_loss
        if is_best:
            progress.best, progress.best_loss, progress.best_epoch = _cpu_copy(model), figures.loss, progress.epoch
        train_loss = _mean_over_processes(progress.losses)
        seconds = time.perf_counter() - started
        progress.history.append(Epoch(progress.epoch, learning_rate, train_loss, figures, is_best, seconds))
        end_epoch(scheduler, figures.loss)
        progress.epoch, progress.losses = progress.epoch + 1, []
        save()
        report(progress.history[-1])
    return TrainingResult(progress.best, progress.best_epoch, tuple(progress.history))


def _finished(progress: _Progress, recipe: Recipe) -> bool:
    done = progress.epoch - 1
    return done >= recipe.epochs or done - progress.best_epoch >= recipe.early_stopping


def _train_epoch(
    model: CRBLDualModel,
    optimizer: Adam,
    source: ActivationSource,
    labels: Tensor,
    recipe: Recipe,
    device: torch.device,
    seed: int,
    progress: _Progress,
    say: Callable[[str], None],
    save: Callable[[], None],
    every_steps: int,
) -> None:
    """The rest of the epoch, from the first step that is not done."""
    model.train()
    share = current_shard()
    weights = class_weights(recipe.assumed_normal_share)
    batches = balanced_batches(labels, recipe.batch_size, seed, progress.epoch)

    def logits_of(batch: Batch) -> Tensor:
        with _precision(recipe, device):
            return model.logits_from_frozen(*source(batch.indices, batch.views))

    def loss_of(logits: Tensor, labels: Tensor) -> Tensor:
        return training_loss(logits, labels, weights, recipe.label_smoothing)

    done = len(progress.losses)
    description = f"Epoch {progress.epoch}"
    with tqdm(
        total=len(batches),
        initial=done,
        desc=description,
        unit="batch",
        leave=False,
        disable=None if share.rank == 0 else True,
    ) as bar:
        for step in range(done, len(batches)):
            step_seed = derive_seed(seed, progress.epoch, step)
            indices, views = batches[step], _draw_views(len(batches[step]), recipe, step_seed)
            batch = Batch(share.rows(indices), share.rows(views), share.rows(labels[indices]).to(device))
            when = f"Epoch {progress.epoch}, step {step + 1}"
            gradients = compute_gradients(model, logits_of, loss_of, batch, progress.parts, step_seed, when, say)
            average_gradients(model.parameters())
            if recipe.clip_norm is not None:
                clip_gradients(model.parameters(), recipe.clip_norm)
            optimizer.step()
            progress.parts = gradients.parts
            progress.losses.append(gradients.loss)
            bar.set_postfix(loss=f"{gradients.loss:.4f}")
            bar.update()
            if every_steps and (step + 1) % every_steps == 0 and step + 1 < len(batches):
                save()


def _draw_views(count: int, recipe: Recipe, step_seed: int) -> Tensor:
    """Which augmented view of each image: one of the recipe's, or one that nobody has seen yet."""
    generator = torch.Generator().manual_seed(step_seed)
    if recipe.augment == "none":
        return torch.zeros(count, dtype=torch.int64)
    return torch.randint(recipe.views or 2**62, (count,), generator=generator)


def _precision(recipe: Recipe, device: torch.device) -> AbstractContextManager[object]:
    # Entered for --amp alone: torch-directml knows no autocast.
    return torch.autocast(device.type, torch.bfloat16) if recipe.amp else nullcontext()


@torch.no_grad()
def _validation_logits(model: CRBLDualModel, source: ActivationSource, count: int) -> Tensor:
    model.eval()
    own = current_shard().rows(torch.arange(count))
    logits = [
        model.logits_from_frozen(*source(indices, torch.zeros_like(indices))).cpu()
        for indices in batches_of_size(own, even_size(count, EVALUATION_BATCH))
    ]
    return gather_rows(torch.cat(logits)[: len(own)], count)


def _mean_over_processes(losses: list[float]) -> float:
    """Mean of the steps' losses, each of which is the mean over the parts of all processes."""
    own = torch.tensor([sum(losses) / len(losses)], dtype=torch.float64)
    return float(gather_rows(own, current_shard().world_size).mean())


def _capture(
    model: CRBLDualModel,
    optimizer: Adam,
    scheduler: ReduceLROnPlateau | CosineAnnealingLR,
    progress: _Progress,
) -> TrainingState:
    moments, steps = {}, 0
    for number, state in optimizer.state_dict()["state"].items():
        steps = state["step"]
        for name in ("exp_avg", "exp_avg_sq"):
            moments[f"{number}.{name}"] = state[name].cpu()
    return TrainingState(
        epoch=progress.epoch,
        losses=tuple(progress.losses),
        parts=progress.parts,
        model=_cpu_copy(model),
        best=progress.best,
        best_epoch=progress.best_epoch,
        best_loss=progress.best_loss,
        moments=moments,
        steps=steps,
        learning_rate=optimizer.param_groups[0]["lr"],
        scheduler=scheduler.state_dict(),
        history=tuple(progress.history),
    )


def _resume(
    state_file: StateFile,
    model: CRBLDualModel,
    optimizer: Adam,
    scheduler: ReduceLROnPlateau | CosineAnnealingLR,
    progress: _Progress,
    say: Callable[[str], None],
) -> None:
    """Put everything back as it was saved."""
    saved = state_file.load()
    _require_same_position(saved)
    if saved is None:
        return
    model.load_state_dict(saved.model)
    content = optimizer.state_dict()
    numbers = {int(name.split(".")[0]) for name in saved.moments}
    content["state"] = {
        number: {"step": saved.steps} | {name: saved.moments[f"{number}.{name}"] for name in ("exp_avg", "exp_avg_sq")}
        for number in numbers
    }
    content["param_groups"][0]["lr"] = saved.learning_rate
    optimizer.load_state_dict(content)
    scheduler.load_state_dict(saved.scheduler)
    progress.parts, progress.epoch, progress.losses = saved.parts, saved.epoch, list(saved.losses)
    progress.best, progress.best_epoch, progress.best_loss = saved.best, saved.best_epoch, saved.best_loss
    progress.history = list(saved.history)
    say(f"Resumed at epoch {saved.epoch}, step {len(saved.losses) + 1}")


def _require_same_position(saved: TrainingState | None) -> None:
    own = torch.tensor([[saved.epoch, len(saved.losses)] if saved is not None else [0, 0]])
    if len(gather_rows(own, current_shard().world_size).unique(dim=0)) > 1:
        raise UsageError(
            "The processes found different states to resume. --out must be a folder that all machines share."
        )


def _cpu_copy(model: CRBLDualModel) -> dict[str, Tensor]:
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in model.state_dict().items()}
