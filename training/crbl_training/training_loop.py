"""The training loop: batches in, the best weights out."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau
from tqdm import tqdm

from crbl_runtime.errors import CRBLError
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.adam import Adam
from crbl_training.augmentation import augment, original_augmentation
from crbl_training.balanced_batches import balanced_batches
from crbl_training.evaluation import Metrics, compute_metrics, predict_logits
from crbl_training.loss import class_weights, training_loss
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.network_input import network_input
from crbl_training.prepared_set import PreparedSet
from crbl_training.recipe import Recipe


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to. `train_loss` is weighted and augmented, `validation` is neither."""

    number: int
    learning_rate: float
    train_loss: float
    validation: Metrics
    best: bool
    seconds: float


@dataclass(frozen=True)
class TrainingResult:
    """The best epoch's weights (CPU tensors), its number, and all epochs."""

    state: dict[str, Tensor]
    best_epoch: int
    history: tuple[Epoch, ...]


def train_model(
    model: CRBLDualModel,
    train: PreparedSet,
    validation: PreparedSet,
    spec: PreprocessingSpec,
    threshold: float,
    recipe: Recipe,
    device: torch.device,
    seed: int,
    report: Callable[[Epoch], None],
) -> TrainingResult:
    """Train until the recipe ends it, and give back the weights with the lowest validation loss.

    The same arguments give the same weights bit for bit on the CPU.

    Args:
        threshold: for the validation figures at each epoch; the loss alone decides which epoch is best.
        report: called after each epoch.

    Raises:
        CRBLError: a logit is not finite.
    """
    model.to(device)
    optimizer = Adam(
        [parameter for parameter in model.parameters() if parameter.requires_grad],
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
    )
    plateau = ReduceLROnPlateau(
        optimizer,
        factor=recipe.plateau_factor,
        patience=recipe.plateau_patience,
        min_lr=recipe.smallest_learning_rate,
    )
    history: list[Epoch] = []
    best_state, best_loss, best_number = _cpu_copy(model), float("inf"), 0
    for number in range(1, recipe.epochs + 1):
        started = time.perf_counter()
        learning_rate = optimizer.param_groups[0]["lr"]
        train_loss = _train_epoch(model, optimizer, train, spec, recipe, device, seed, number)
        logits = predict_logits(model, validation.images, spec, device)
        _require_finite(logits, f"Epoch {number}, validation")
        figures = compute_metrics(logits, validation.labels, threshold)
        is_best = figures.loss < best_loss
        if is_best:
            best_state, best_loss, best_number = _cpu_copy(model), figures.loss, number
        history.append(Epoch(number, learning_rate, train_loss, figures, is_best, time.perf_counter() - started))
        report(history[-1])
        plateau.step(figures.loss)
        if number - best_number >= recipe.early_stopping:
            break
    return TrainingResult(best_state, best_number, tuple(history))


def _train_epoch(
    model: CRBLDualModel,
    optimizer: Adam,
    train: PreparedSet,
    spec: PreprocessingSpec,
    recipe: Recipe,
    device: torch.device,
    seed: int,
    number: int,
) -> float:
    model.train()
    weights = class_weights(recipe.assumed_normal_share)
    transform = original_augmentation(spec.image_size) if recipe.augment == "original" else None
    batches = balanced_batches(train.labels, recipe.batch_size, seed, number)
    losses = []
    with tqdm(batches, desc=f"Epoch {number}", unit="batch", leave=False, disable=None) as progress:
        for step, indices in enumerate(progress):
            step_seed = ((seed * 100_003 + number) * 1_000_003 + step) % 2**63
            images = train.images[indices]
            if transform is not None:
                images = augment(images, transform, step_seed)
            torch.manual_seed(step_seed)
            logits = model(network_input(images.to(device), spec))
            _require_finite(logits, f"Epoch {number}, step {step + 1}")
            loss = training_loss(logits, train.labels[indices].to(device), weights)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach().cpu()))
            progress.set_postfix(loss=f"{losses[-1]:.4f}")
    return sum(losses) / len(losses)


def _require_finite(logits: Tensor, when: str) -> None:
    # On the logits, before the loss: torch-directml turns NaN into 0 in clamp and maximum, which would hide it.
    if not bool(torch.isfinite(logits.detach().cpu()).all()):
        raise CRBLError(
            f"{when}: the network gave NaN or infinite logits. "
            "Lower --lr, or try --device cpu to see whether the graphics driver computes wrongly."
        )


def _cpu_copy(model: CRBLDualModel) -> dict[str, Tensor]:
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in model.state_dict().items()}
