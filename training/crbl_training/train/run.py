"""One training run: from a split of images to a checkpoint with its metrics in a folder."""

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import timm
import torch
from torch import Tensor

from crbl_runtime.atomic_file import remove_temporaries, replacing_together
from crbl_runtime.calibration import calibration_to_json
from crbl_runtime.counted import counted
from crbl_runtime.errors import DataError, UsageError
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_runtime.variant import Variant
from crbl_training.checkpoint import Checkpoint, save_checkpoint
from crbl_training.data.batches import balanced_batches
from crbl_training.data.dataset import LabelledImage, Split, data_hash
from crbl_training.data.distinct_images import require_different_images
from crbl_training.data.held_out import held_out_line, write_held_out
from crbl_training.data.image_storage import image_storage
from crbl_training.data.leakage import Leakage, find_leakage, leakage_lines, refuse_leakage, refuse_two_labels
from crbl_training.data.prepared_dataset import (
    PreparedDataset,
    description_lines,
    prepare_dataset,
    require_known_bit_depth,
)
from crbl_training.devices.check import check_device
from crbl_training.devices.device import ChosenDevice
from crbl_training.evaluation.calibration_images import require_images_to_calibrate
from crbl_training.evaluation.consequences import get_assumptions
from crbl_training.evaluation.metrics import Metrics, compute_metrics, predict_logits
from crbl_training.evaluation.report import (
    reliability_lines,
    reliability_to_dict,
    report_lines,
    report_on,
    write_report,
)
from crbl_training.evaluation.threshold import choose_threshold
from crbl_training.evaluation.threshold_rule import parse_threshold_rule
from crbl_training.file_names import (
    CURVES_FILE,
    HELD_OUT_FILE,
    HISTORY_FILE,
    METRICS_FILE,
    PREPARED_FOLDER,
    STATE_FILE,
    VALIDATION_SCORES_FILE,
    checkpoint_files,
    todays_checkpoint,
)
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.model.sync_batchnorm import convert_sync_batchnorm
from crbl_training.process_group import current_shard
from crbl_training.train.activation_cache import CacheSettings
from crbl_training.train.best_epoch import BEST_BY_LABELS
from crbl_training.train.calibrated_checkpoint import CalibratedCheckpoint, fitted_or_refused, kept_or_dropped
from crbl_training.train.class_weights import loss_weights
from crbl_training.train.history import Epoch, write_curves, write_history, write_metrics
from crbl_training.train.loop import RunOutputs, TrainingData, TrainingResult, train_model
from crbl_training.train.recipe import Recipe
from crbl_training.train.state import StateFile
from crbl_training.train.tensorboard_log import tensorboard_log
from crbl_training.weights.initial_weights import load_backbones, load_start

CACHE_FOLDER = "activation_cache"
TENSORBOARD_FOLDER = "tensorboard"
DEVICE_CHECK_IMAGES = 8


@dataclass(frozen=True)
class TrainingConfig:
    """What is to be trained and how, but for the images.

    Attributes:
        trainable: which parameters learn, one of `TRAINABLE`. recipe_name: whose defaults the recipe has, of `RECIPES`.
        start: the checkpoint to go on from, or None.
        weights: initial weights of the backbones, see `load_backbones`.
        threshold_rule, defect_rate: see `parse_threshold_rule`. resume: go on with the unfinished run in the folder.
        calibrate: one of the runtime's calibration `METHODS`, None for no calibration.
        skip_bad: leave out images that cannot be decoded. fail_on_leakage: see `refuse_leakage`.
        save_steps: how often the state is written within an epoch, 0 for after each epoch only.
        cache_mode, cache_budget: see `CacheSettings`. memory_budget: bytes, see `image_storage`.
        workers: see `training_feed`.
        tensorboard: write event files, too.
        skip_device_check: train on DirectML without comparing a step with the CPU's first.
    """

    variant: Variant
    trainable: str
    spec: PreprocessingSpec
    recipe: Recipe
    recipe_name: str
    seed: int
    start: Checkpoint | None
    weights: tuple[str, ...]
    trust_pickle: bool
    threshold_rule: str
    defect_rate: float | None
    calibrate: str | None
    skip_bad: bool
    fail_on_leakage: bool
    resume: bool
    save_steps: int
    cache_mode: str
    cache_budget: int
    memory_budget: int | None
    workers: int | None
    tensorboard: bool
    skip_device_check: bool


def run_training(config: TrainingConfig, split: Split, folder: Path, chosen: ChosenDevice) -> Metrics:
    """Train by the config, write checkpoint and reports to the folder, and give back the validation metrics.

    In a group of processes all of them train, and rank 0 writes.

    Raises:
        DataError: an image is in both classes, or all images of a class are the same.
        UsageError: the folder holds an unfinished run and the config is not to resume, or a run of another config.
        DataError: the calibration cannot be fitted. All is written then, without one.
        What `prepare_dataset`, `refuse_leakage`, `load_backbones`, `check_device` and `train_model` raise.
    """
    state_path = folder / STATE_FILE
    _require_clear(state_path, config.resume)
    remove_temporaries(state_path)
    train_set, validation_set = _prepare(split, config, folder / PREPARED_FOLDER)
    leakage = _look_for_leakage(train_set, validation_set, config.fail_on_leakage)
    hashes = {
        "train_data_hash": data_hash(train_set.labelled_images),
        "validation_data_hash": data_hash(validation_set.labelled_images),
    }

    torch.manual_seed(config.seed)
    model = CRBLDualModel(config.trainable, config.recipe.root_floor)
    if config.start is not None:
        origin = load_start(model, config.start)
    else:
        origin = load_backbones(model, config.weights, train_set, config.spec, trust_pickle=config.trust_pickle)
    print_once(f"Weights: {origin}")
    if current_shard().world_size > 1:
        convert_sync_batchnorm(model)
    print_once(_plan(model, config))
    print_once(
        f"Recipe {config.recipe_name}: learning rate {config.recipe.learning_rate:g}, the best epoch is that with the "
        f"best {BEST_BY_LABELS[config.recipe.best_by]} on the validation images"
    )

    device_check = _require_sound_device(config, model, train_set, chosen)
    threshold = config.start.threshold if config.start is not None else config.variant.threshold
    data = TrainingData(train_set, validation_set, config.spec, threshold)
    state_file = StateFile(state_path, _identity(config, origin, hashes), config.save_steps)
    cache = CacheSettings(folder / CACHE_FOLDER, config.cache_mode, config.cache_budget)
    with _epoch_log(config, folder) as report:
        outputs = RunOutputs(report, print_once, state_file, cache)
        device = chosen.torch_device()
        result = train_model(model, data, config.recipe, device, config.seed, outputs, config.workers)
    counts = _image_counts(train_set, validation_set, leakage)
    run = {"best_epoch": result.best_epoch, "solved_head": result.solved_head, "device_check": device_check}
    provenance = _provenance(config, chosen, origin, split) | hashes | counts | run
    checkpoint = Checkpoint(
        variant=config.variant,
        state=result.state,
        preprocessing=config.spec,
        threshold=threshold,
        threshold_source=_threshold_source(config),
        provenance=provenance,
    )
    found = {
        "leakage": leakage.to_dict(),
        "skipped": {"training": list(train_set.skipped), "validation": list(validation_set.skipped)},
        "prepared_images": {"training": train_set.stored, "validation": validation_set.stored},
    }
    metrics, refusal = _finish(checkpoint, config, validation_set, split.held_out, result, found, folder)
    state_path.unlink(missing_ok=True)
    if refusal is not None:
        raise DataError(f"{refusal} The checkpoint was written without a calibration.")
    return metrics


def print_once(message: str) -> None:
    """Print a message, once: in a group of processes rank 0 does."""
    if current_shard().rank == 0:
        click.echo(message)


def _require_clear(state_path: Path, resume: bool) -> None:
    if resume and not state_path.is_file():
        finished = sorted(state_path.parent.glob("*.safetensors"))
        if finished:
            raise UsageError(
                f"There is nothing to resume in {state_path.parent}: that run has ended with {finished[-1].name}. "
                "Use --from-checkpoint to train it further."
            )
        print_once(f"Nothing to resume in {state_path.parent}: starting with the first epoch")
    if not resume and state_path.is_file():
        raise UsageError(
            f"{state_path.parent} holds an unfinished run. Go on with it by --resume, name another --out, "
            f"or delete {state_path.name}."
        )


def _prepare(split: Split, config: TrainingConfig, files: Path) -> tuple[PreparedDataset, PreparedDataset]:
    storage = image_storage(files, config.memory_budget)
    train_set = prepare_dataset(split.train, config.spec, "training", skip_bad=config.skip_bad, storage=storage)
    rest = storage.beside(train_set.bytes_in_memory)
    validation_set = prepare_dataset(
        split.validation, config.spec, "validation", skip_bad=config.skip_bad, storage=rest
    )
    for name, prepared in (("training", train_set), ("validation", validation_set)):
        require_known_bit_depth(prepared, name)
        print_once("\n".join(description_lines(prepared, name, config.spec.region)))
    if config.calibrate is not None:
        require_images_to_calibrate(validation_set.labels.int().tolist(), config.calibrate)
    return train_set, validation_set


def _plan(model: CRBLDualModel, config: TrainingConfig) -> str:
    if config.recipe.epochs == 0:
        return f"Solving the head ({config.variant.name}); no epochs follow"
    learning = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    epochs = counted(config.recipe.epochs, "epoch")
    return f"Training {learning:,} parameters ({config.variant.name}) for up to {epochs}"


def _look_for_leakage(train_set: PreparedDataset, validation_set: PreparedDataset, refuse: bool) -> Leakage:
    refuse_two_labels(train_set, validation_set)
    require_different_images(train_set, validation_set)
    leakage = find_leakage(train_set, validation_set)
    if refuse:
        refuse_leakage(leakage)
    print_once("\n".join(leakage_lines(leakage)))
    return leakage


def _require_sound_device(
    config: TrainingConfig, model: CRBLDualModel, train_set: PreparedDataset, chosen: ChosenDevice
) -> str:
    """Where the device is DirectML's, compare a step with the CPU's; returns the outcome in a word or two."""
    if chosen.kind != "directml":
        return "not needed"
    if config.skip_device_check:
        print_once("Device check: skipped. If this driver computes wrongly, nobody will notice")
        return "skipped"
    indices = balanced_batches(train_set.labels, DEVICE_CHECK_IMAGES, config.seed, epoch=0)[0]
    weights = loss_weights(config.recipe)
    images, labels = train_set.images[indices], train_set.labels[indices]
    device = chosen.torch_device()
    check_device(model, images, labels, config.spec, weights, device, tiled_resources=chosen.tiled_resources)
    print_once("Device check: a training step gives what the CPU gives")
    return "passed"


def _identity(config: TrainingConfig, origin: str, hashes: dict[str, str]) -> dict[str, Any]:
    recipe = asdict(config.recipe)
    if config.recipe.scheduler == "plateau":
        del recipe["epochs"]  # A plateau does not know how many epochs are to come: a run may be prolonged.
    return {
        "variant": config.variant.name,
        "trainable": config.trainable,
        "preprocessing": config.spec.to_dict(),
        "seed": config.seed,
        "weights": origin,
        **recipe,
        **hashes,
    }


def _threshold_source(config: TrainingConfig) -> str:
    if config.start is None:
        return f"the default of the variant {config.variant.name}"
    return f"kept from checkpoint {config.start.hash[:12]}: {config.start.threshold_source}"


def _finish(
    checkpoint: Checkpoint,
    config: TrainingConfig,
    validation_set: PreparedDataset,
    held_out: tuple[LabelledImage, ...],
    result: TrainingResult,
    found: dict[str, Any],
    folder: Path,
) -> tuple[Metrics, DataError | None]:
    """Choose the threshold, calibrate, compute and print the metrics, and write all files, or none of them.

    Returns:
        the metrics, and why the calibration that was asked for could not be fitted.
    """
    logits = predict_logits(checkpoint.build_model(), validation_set.images, config.spec, torch.device("cpu"))
    checkpoint = _with_threshold(checkpoint, config, logits, validation_set)
    calibrated = _calibrated(checkpoint, config, logits, validation_set)
    checkpoint = calibrated.checkpoint
    if current_shard().rank > 0:
        return compute_metrics(logits, validation_set.labels, checkpoint.threshold), calibrated.refusal
    # The provenance has the costs, if any: those of this run's rule, or of the checkpoint whose threshold is kept.
    assumptions = get_assumptions(config.defect_rate, None, checkpoint.provenance)
    report = report_on(validation_set, logits, checkpoint.threshold, calibrated.images, assumptions)
    measured = {"validation": report.evaluation.to_dict(), "reliability": reliability_to_dict(report)}
    checkpoint = replace(checkpoint, provenance=checkpoint.provenance | measured)

    name = config.variant.name
    pth, sidecar = checkpoint_files(todays_checkpoint(folder, name))
    best = f"Best epoch {result.best_epoch}" + (" (the solved head)" if result.best_epoch == 0 else "")
    print_once(
        f"{best}, chosen by {BEST_BY_LABELS[config.recipe.best_by]} on the {len(validation_set.paths)} validation "
        "images, on which:"
    )
    print_once("\n".join([*report_lines(report), *reliability_lines(report)]))
    print_once(f"Threshold {checkpoint.threshold:.4g}: {checkpoint.threshold_source}")
    if calibrated.note is not None:
        print_once(f"No calibration: {calibrated.note}")
    described = {
        "variant": name,
        "checkpoint": pth.name,
        "checkpoint_hash": checkpoint.hash,
        "threshold_source": checkpoint.threshold_source,
        "consequences": report.consequences.to_dict(),
        "calibration": calibration_to_json(checkpoint.calibration),
    }
    with replacing_together(folder) as new:
        save_checkpoint(checkpoint, new / pth.name)
        write_history(new / HISTORY_FILE, result.history)
        write_curves(new / CURVES_FILE, result.history, f"CRBL {name}")
        shown = write_report(new, VALIDATION_SCORES_FILE, report, f"CRBL {name}, validation")
        if held_out:
            write_held_out(new / HELD_OUT_FILE, held_out)
        write_metrics(new / METRICS_FILE, {**described, **checkpoint.provenance, **shown, **found})
    print_once(f"Checkpoint: {pth} and {sidecar.name}")
    if held_out:
        print_once(f"{held_out_line(held_out)}. Measure on them: crbl-evaluate {pth} --data {folder / HELD_OUT_FILE}")
    print_once(f"Next: crbl-export --variant {name} --checkpoint {pth}")
    return report.evaluation.metrics, calibrated.refusal


def _calibrated(
    checkpoint: Checkpoint, config: TrainingConfig, logits: Tensor, validation_set: PreparedDataset
) -> CalibratedCheckpoint:
    if config.calibrate is None:
        return kept_or_dropped(checkpoint, config.start, logits)
    digest = checkpoint.provenance["validation_data_hash"]
    return fitted_or_refused(checkpoint, config.calibrate, logits, validation_set.labels, digest)


def _with_threshold(
    checkpoint: Checkpoint, config: TrainingConfig, logits: Tensor, validation_set: PreparedDataset
) -> Checkpoint:
    """The checkpoint with the threshold that the config's rule chooses, and how it was chosen."""
    rule = parse_threshold_rule(config.threshold_rule, config.defect_rate)
    if rule.kind == "keep":
        choice = config.start.provenance.get("threshold_choice") if config.start is not None else None
        return replace(checkpoint, provenance=checkpoint.provenance | {"threshold_choice": choice})
    digest = checkpoint.provenance["validation_data_hash"]
    chosen = choose_threshold(rule, logits, validation_set.labels, digest)
    return replace(
        checkpoint,
        threshold=chosen.value,
        threshold_source=chosen.source(),
        provenance=checkpoint.provenance | {"threshold_choice": chosen.to_dict()},
    )


@contextmanager
def _epoch_log(config: TrainingConfig, folder: Path) -> Iterator[Callable[[Epoch], None]]:
    """Gives the function that reports an epoch: on a line, and in TensorBoard's files if the config asks for them."""
    if not config.tensorboard or current_shard().rank > 0:
        yield _print_epoch
        return
    with tensorboard_log(folder / TENSORBOARD_FOLDER) as write:

        def log(epoch: Epoch) -> None:
            _print_epoch(epoch)
            write(epoch)

        yield log


def _print_epoch(epoch: Epoch) -> None:
    print_once(
        f"Epoch {epoch.number:3d}  loss {epoch.train_loss:.4f}  validation loss {epoch.validation.loss:.4f}  "
        f"AUROC {epoch.validation.auroc:.4f}  accuracy {epoch.validation.accuracy:.4f}  "
        f"lr {epoch.learning_rate:.1e}  {epoch.seconds:.1f} s{'  best' if epoch.best else ''}"
    )


def _image_counts(train_set: PreparedDataset, validation_set: PreparedDataset, leakage: Leakage) -> dict[str, Any]:
    return {
        "train_images": len(train_set.paths),
        "validation_images": len(validation_set.paths),
        "images_skipped": len(train_set.skipped) + len(validation_set.skipped),
        "leakage": leakage.counts(),
    }


def _provenance(config: TrainingConfig, chosen: ChosenDevice, origin: str, split: Split) -> dict[str, Any]:
    return {
        "recipe_name": config.recipe_name,
        "recipe": asdict(config.recipe),
        "trainable": config.trainable,
        "seed": config.seed,
        "device": f"{chosen.kind}: {chosen.description}",
        "processes": current_shard().world_size,
        "weights": origin,
        "validation_source": split.validation_source,
        "held_out_data_hash": data_hash(split.held_out) if split.held_out else None,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "timm": timm.__version__,
            "numpy": np.__version__,
            "opencv": cv2.__version__,
        },
    }
