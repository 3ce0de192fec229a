"""One training run: from a split of images to a checkpoint with its metrics in a folder."""

from functools import partial
from pathlib import Path
from typing import Any

import torch

from crbl_runtime.atomic_file import remove_temporaries
from crbl_runtime.counted import counted
from crbl_runtime.errors import DataError, UsageError
from crbl_runtime.report.size import REPORT_FILE
from crbl_runtime.report.time_text import now
from crbl_training.checkpoint import Checkpoint
from crbl_training.data.batches import balanced_batches
from crbl_training.data.dataset import Split, data_hash
from crbl_training.data.leakage import Leakage
from crbl_training.data.prepared_dataset import (
    PreparedDataset,
)
from crbl_training.devices.check import check_device
from crbl_training.devices.device import ChosenDevice
from crbl_training.file_names import (
    PREPARED_FOLDER,
    STATE_FILE,
)
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.model.sync_batchnorm import convert_sync_batchnorm
from crbl_training.process_group import current_shard
from crbl_training.report.live_report import live_report
from crbl_training.report.pictures import Pictures
from crbl_training.train.activation_cache import CacheSettings
from crbl_training.train.best_epoch import BEST_BY_LABELS
from crbl_training.train.class_weights import loss_weights
from crbl_training.train.config import TrainingConfig
from crbl_training.train.epoch_log import epoch_log
from crbl_training.train.finished_run import FinishedRun, finish_run
from crbl_training.train.loop import RunOutputs, TrainingData, train_model
from crbl_training.train.print_once import print_once
from crbl_training.train.provenance import identity_of, image_counts, provenance_of, threshold_source
from crbl_training.train.report_of_run import known_of_run, overview_of_run, show_progress
from crbl_training.train.state import StateFile
from crbl_training.train.training_images import look_for_leakage, prepare_images
from crbl_training.weights.initial_weights import load_backbones, load_start

CACHE_FOLDER = "activation_cache"
DEVICE_CHECK_IMAGES = 8


def run_training(
    config: TrainingConfig, split: Split, folder: Path, chosen: ChosenDevice, command: str | None = None
) -> FinishedRun:
    """Train by the config, write checkpoint and reports to the folder, and give back what came of it.

    In a group of processes all of them train, and rank 0 writes. The report is there from before the first epoch on.

    Args:
        command: what the run was started with, for the report; None where it was no command.

    Raises:
        DataError: an image is in both classes, or all images of a class are the same.
        UsageError: the folder holds an unfinished run and the config is not to resume, or a run of another config.
        DataError: the calibration cannot be fitted. All is written then, without one.
        CRBLError: what `prepare_dataset`, `refuse_leakage`, `load_backbones`, `check_device` and `train_model` raise.
    """
    started, state_path = now(), folder / STATE_FILE
    _require_clear(state_path, config.resume)
    for rewritten in (state_path, folder / REPORT_FILE):
        remove_temporaries(rewritten)
    train_set, validation_set = prepare_images(split, config, folder / PREPARED_FOLDER)
    leakage = look_for_leakage(train_set, validation_set, config.fail_on_leakage)
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
    print_once("\n".join(_plan(model, config)))

    device_check = _require_sound_device(config, model, train_set, chosen)
    threshold = config.start.threshold if config.start is not None else config.variant.threshold
    data = TrainingData(train_set, validation_set, config.spec, threshold)
    state_file = StateFile(state_path, identity_of(config, origin, hashes), config.save_steps)
    cache = CacheSettings(folder / CACHE_FOLDER, config.cache_mode, config.cache_budget)
    provenance = provenance_of(config, chosen, origin, split) | hashes
    provenance |= image_counts(train_set, validation_set, leakage) | {"device_check": device_check}
    pictures = Pictures()
    known = known_of_run(config, folder, chosen, provenance, command) | {
        "started": started,
        "data": overview_of_run(config, split, train_set, validation_set, leakage, pictures),
    }
    with live_report(folder / REPORT_FILE, known, pictures, print_once) as report:
        with epoch_log(config, folder) as log:
            outputs = RunOutputs(log, print_once, state_file, cache, partial(show_progress, report))
            device = chosen.torch_device()
            result = train_model(model, data, config.recipe, device, config.seed, outputs, config.workers)
        checkpoint = Checkpoint(
            variant=config.variant,
            state=result.state,
            preprocessing=config.spec,
            threshold=threshold,
            threshold_source=threshold_source(config),
            provenance=provenance | {"best_epoch": result.best_epoch, "solved_head": result.solved_head},
        )
        found = _found(train_set, validation_set, leakage)
        finished, refusal = finish_run(
            checkpoint, config, validation_set, split.held_out, result, found, folder, report
        )
    state_path.unlink(missing_ok=True)
    if refusal is not None:
        raise DataError(f"{refusal} The checkpoint was written without a calibration.")
    return finished


def _found(train_set: PreparedDataset, validation_set: PreparedDataset, leakage: Leakage) -> dict[str, Any]:
    """What metrics.json has about the images."""
    return {
        "leakage": leakage.to_dict(),
        "skipped": {"training": list(train_set.skipped), "validation": list(validation_set.skipped)},
        "prepared_images": {"training": train_set.stored, "validation": validation_set.stored},
    }


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


def _plan(model: CRBLDualModel, config: TrainingConfig) -> tuple[str, ...]:
    if config.recipe.epochs == 0:
        return (f"Solving the head ({config.variant.name}); no epochs follow",)
    learning = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    epochs = counted(config.recipe.epochs, "epoch")
    return (
        f"Training {learning:,} parameters ({config.variant.name}) for up to {epochs}",
        f"Recipe {config.recipe_name}: learning rate {config.recipe.learning_rate:g}, the best epoch is that with the "
        f"best {BEST_BY_LABELS[config.recipe.best_by]} on the validation images",
    )


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
