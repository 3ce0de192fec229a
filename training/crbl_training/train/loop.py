"""The training loop: epochs, validation, the best weights, and the state that a stopped run goes on from."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from crbl_runtime.errors import UsageError
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.data.augmentation import get_augmentation
from crbl_training.data.batches import batches_in_epoch, batches_of_size, even_size
from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.evaluation.metrics import Metrics, compute_metrics
from crbl_training.evaluation.network_outputs import EVALUATION_BATCH
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.process_group import broadcast_from_rank0, current_shard, gather_rows
from crbl_training.train.activation_cache import NO_CACHE, CacheSettings, activation_source
from crbl_training.train.activations import ActivationSource, ComputedActivations
from crbl_training.train.batch import Batch, DrawnBatches
from crbl_training.train.best_epoch import badness, is_better
from crbl_training.train.class_weights import loss_weights
from crbl_training.train.feed import training_feed
from crbl_training.train.head_start.solved_head import solve_head
from crbl_training.train.history import Epoch, History
from crbl_training.train.optimizer import Adam, end_epoch, learning_rate_scheduler
from crbl_training.train.recipe import Recipe
from crbl_training.train.state import Progress, StateFile, TrainingState, cpu_copy
from crbl_training.train.step import TrainingStep, require_finite


@dataclass(frozen=True)
class TrainingData:
    """The images to learn from, and those that the best epoch is chosen by.

    Attributes:
        spec: what both were prepared with.
        threshold: for the validation metrics of each epoch; no weight depends on it.
    """

    train: PreparedDataset
    validation: PreparedDataset
    spec: PreprocessingSpec
    threshold: float


@dataclass(frozen=True)
class RunOutputs:
    """Whom a run tells of its progress, and what it writes.

    Attributes:
        report: is called after each epoch. notify: is called with what else a user should know.
        state_file: what is in it is continued, and it is updated as the run goes on; None to save nothing.
        cache: where frozen activations are cached; by default they are computed for each batch.
        watch: is called with the whole run before the first step, resumed or not, and after each epoch.
    """

    report: Callable[[Epoch], None] = lambda epoch: None
    notify: Callable[[str], None] = lambda message: None
    state_file: StateFile | None = None
    cache: CacheSettings = NO_CACHE
    watch: Callable[[Progress], None] = lambda progress: None

    def epoch_done(self, progress: Progress) -> None:
        """Save the run with the epoch that was added to it last, and tell of it."""
        self.save(progress)
        self.report(progress.history[-1])
        self.watch(progress)

    def save(self, progress: Progress) -> None:
        """Write the state, if there is a file for it."""
        if self.state_file is not None and current_shard().rank == 0:
            self.state_file.save(progress.capture())

    def is_save_due(self, steps: int) -> bool:
        """Whether the state is to be written within an epoch, after so many steps of it."""
        every = self.state_file.every_steps if self.state_file is not None else 0
        return every > 0 and steps % every == 0


NO_OUTPUTS = RunOutputs()


@dataclass(frozen=True)
class TrainingResult:
    """The best epoch's weights (CPU tensors), its number, all epochs, and how the head was solved if it was."""

    state: dict[str, Tensor]
    best_epoch: int
    history: History
    solved_head: dict[str, Any] | None = None


def train_model(
    model: CRBLDualModel,
    data: TrainingData,
    recipe: Recipe,
    device: torch.device,
    seed: int,
    outputs: RunOutputs = NO_OUTPUTS,
    workers: int | None = 0,
) -> TrainingResult:
    """Train until the recipe ends it, and give back the weights of the best epoch, see `is_better`.

    A solved head is epoch 0: it is validated before the first step, and is given back where no epoch is better.

    The same arguments give the same weights bit for bit on the CPU, however often the run was killed and resumed,
    and whatever the number of workers.

    Args:
        workers: processes that draw augmented views, None for what fits, see `workers_that_fit`. A program that starts
            any must have its own beginning under `if __name__ == "__main__":`.

    Raises:
        NotFiniteError: a logit is not finite.
        UnavailableError: the memory is too small for the smallest micro-batches, or a worker failed.
        UsageError: the state is of another run. What `activation_source` raises.
    """
    model.to(device)
    broadcast_from_rank0(model.state_dict().values())
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = Adam(learning, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    scheduler = learning_rate_scheduler(recipe, optimizer)
    progress = Progress(model, optimizer, scheduler, recipe.accumulate, best=cpu_copy(model))
    _resume(progress, outputs)
    outputs.watch(progress)

    validation_source = _validation_source(model, data, device, seed, outputs)
    if recipe.head_start == "solved" and not progress.history:
        _start_from_solved_head(progress, validation_source, data, recipe, device, seed, outputs)
    if not _finished(progress, recipe):
        train_source = _train_source(model, data, recipe, device, seed, outputs)
        drawn = DrawnBatches(data.train.labels, recipe, seed, progress.epoch, len(progress.losses))
        with training_feed(train_source, drawn, workers, device, outputs.notify) as feed:
            step = TrainingStep(model, feed.source, recipe, device, seed, optimizer, outputs.notify)
            _train_epochs(step, feed.batches, data, validation_source, progress, outputs)
    return TrainingResult(progress.best, progress.best_epoch, History(progress.history), progress.solved_head)


def _train_epochs(
    step: TrainingStep,
    batches: Iterator[Batch],
    data: TrainingData,
    validation_source: ActivationSource,
    progress: Progress,
    outputs: RunOutputs,
) -> None:
    """The rest of the run, from the first step that is not done."""
    while not _finished(progress, step.recipe):
        started = time.perf_counter()
        learning_rate = progress.optimizer.param_groups[0]["lr"]
        _train_epoch(step, batches, len(data.train.labels), progress, outputs)
        metrics = _validate(step.model, validation_source, data, progress.epoch)
        train_loss = _mean_over_processes(progress.losses)
        _add_epoch(progress, progress.epoch, learning_rate, train_loss, metrics, step.recipe, started)
        end_epoch(progress.scheduler, badness(metrics, step.recipe.best_by))
        progress.epoch, progress.losses = progress.epoch + 1, []
        outputs.epoch_done(progress)


def _start_from_solved_head(
    progress: Progress,
    validation_source: ActivationSource,
    data: TrainingData,
    recipe: Recipe,
    device: torch.device,
    seed: int,
    outputs: RunOutputs,
) -> None:
    """Give the model its solved head, which rank 0 solves for all processes, and add it to the history as epoch 0."""
    started, model = time.perf_counter(), progress.model
    weight = model.classifier.weight.detach().cpu()
    train_loss = torch.zeros(1, dtype=torch.float64)
    if current_shard().rank == 0:
        computed = ComputedActivations(model, data.train.images, data.spec, None, seed, device)
        solved = solve_head(computed, data.train.labels, loss_weights(recipe), seed, outputs.cache, outputs.notify)
        weight, train_loss = solved.weight, train_loss + solved.train_loss
        progress.solved_head = solved.to_dict()
    broadcast_from_rank0((weight, train_loss))
    with torch.no_grad():
        model.classifier.weight.copy_(weight)
        model.classifier.bias.zero_()
    metrics = _validate(model, validation_source, data, 0)
    _add_epoch(progress, 0, 0.0, float(train_loss), metrics, recipe, started)
    outputs.epoch_done(progress)


def _add_epoch(
    progress: Progress,
    number: int,
    learning_rate: float,
    train_loss: float,
    metrics: Metrics,
    recipe: Recipe,
    started: float,
) -> None:
    """Add an epoch that began at `started` (`time.perf_counter`) to the history, and keep its weights if it is best."""
    is_best = is_better(metrics, progress.best_metrics, recipe.best_by)
    if is_best:
        progress.best, progress.best_epoch = cpu_copy(progress.model), number
    seconds = time.perf_counter() - started
    progress.history.append(Epoch(number, learning_rate, train_loss, metrics, is_best, seconds))


def _resume(progress: Progress, outputs: RunOutputs) -> None:
    """Go on with what the state file holds, if there is one and it holds anything."""
    saved = outputs.state_file.load() if outputs.state_file is not None else None
    _require_same_position(saved)
    if saved is not None:
        progress.restore(saved)
        outputs.notify(f"Resumed at epoch {saved.epoch}, step {len(saved.losses) + 1}")


def _require_same_position(saved: TrainingState | None) -> None:
    own = torch.tensor([[saved.epoch, len(saved.losses)] if saved is not None else [0, 0]])
    if len(gather_rows(own, current_shard().world_size).unique(dim=0)) > 1:
        raise UsageError(
            "The processes found different states to resume. --out must be a folder that all machines share."
        )


def _train_source(
    model: CRBLDualModel, data: TrainingData, recipe: Recipe, device: torch.device, seed: int, outputs: RunOutputs
) -> ActivationSource:
    """Frozen activations of the training images, augmented as the recipe says."""
    augmentation = get_augmentation(recipe.augment)
    computed = ComputedActivations(model, data.train.images, data.spec, augmentation, seed, device)
    views = recipe.views if augmentation is not None else 1
    source, sentence = activation_source(computed, views, outputs.cache, "training")
    outputs.notify(sentence)
    return source


def _validation_source(
    model: CRBLDualModel, data: TrainingData, device: torch.device, seed: int, outputs: RunOutputs
) -> ActivationSource:
    """Frozen activations of the validation images, as they are."""
    computed = ComputedActivations(model, data.validation.images, data.spec, None, seed, device)
    source, sentence = activation_source(computed, 1, outputs.cache, "validation")
    outputs.notify(sentence)
    return source


def _finished(progress: Progress, recipe: Recipe) -> bool:
    done = progress.epoch - 1
    return done >= recipe.epochs or done - progress.best_epoch >= recipe.early_stopping


def _train_epoch(
    step: TrainingStep, batches: Iterator[Batch], images: int, progress: Progress, outputs: RunOutputs
) -> None:
    """The rest of the epoch, from the first step that is not done."""
    step.model.train()
    count, done = batches_in_epoch(images, step.recipe.batch_size), len(progress.losses)
    with tqdm(
        total=count,
        initial=done,
        desc=f"Epoch {progress.epoch}",
        unit="batch",
        leave=False,
        disable=None if current_shard().rank == 0 else True,
    ) as bar:
        for number in range(done, count):
            result = step.run(next(batches), progress.epoch, number, progress.micro_batches)
            progress.micro_batches = result.micro_batches
            progress.losses.append(result.loss)
            bar.set_postfix(loss=f"{result.loss:.4f}")
            bar.update()
            if outputs.is_save_due(number + 1) and number + 1 < count:
                outputs.save(progress)


def _validate(model: CRBLDualModel, source: ActivationSource, data: TrainingData, epoch: int) -> Metrics:
    logits = _validation_logits(model, source, len(data.validation.labels))
    require_finite(logits, f"Epoch {epoch}, validation")
    return compute_metrics(logits, data.validation.labels, data.threshold)


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
    """Mean of the steps' losses, each of which is the mean over the shards of all processes."""
    own = torch.tensor([sum(losses) / len(losses)], dtype=torch.float64)
    return float(gather_rows(own, current_shard().world_size).mean())
