"""crbl-train: from labelled images to a checkpoint."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crbl_runtime.atomic_file import require_writable
from crbl_runtime.calibration import METHODS
from crbl_runtime.command_line import (
    READ_FILE,
    READ_FILE_OR_FOLDER,
    WRITTEN_PATH,
    bit_depth_option,
    device_index_option,
)
from crbl_runtime.errors import UnavailableError, UsageError
from crbl_runtime.left_out import left_out_lines
from crbl_runtime.options import REGIONS
from crbl_runtime.report.size import REPORT_FILE
from crbl_runtime.shell_command import shell_command
from crbl_runtime.variant import VARIANTS, get_variant
from crbl_training.commands.data_and_device import (
    data_option,
    device_option,
    format_options,
    images_option,
    in_bytes,
    memory_budget_option,
    no_tiled_resources_option,
    refuse_unused_format,
    refuse_without_directml,
)
from crbl_training.commands.recipe_options import GivenRecipe, recipe_options
from crbl_training.commands.threshold_options import defect_rate_option
from crbl_training.commands.weights_help import weights_help_option
from crbl_training.data.dataset import read_split
from crbl_training.data.dataset_format import DatasetFormat
from crbl_training.evaluation.calibration_images import require_images_to_calibrate
from crbl_training.evaluation.threshold_rule import parse_threshold_rule
from crbl_training.file_names import FOLDS_FILE, PREPARED_FOLDER, fold_folder, run_files
from crbl_training.options import CACHE_GIGABYTES, CACHE_MODES, TRAINABLE
from crbl_training.weights.source import require_source

if TYPE_CHECKING:
    from crbl_training.data.dataset import Split
    from crbl_training.devices.device import ChosenDevice
    from crbl_training.train.config import TrainingConfig
    from crbl_training.train.recipe import Recipe


@click.command(epilog="Example: crbl-train --variant crop --data images/train --val images/validation.csv")
@click.option("--variant", "variant_name", type=click.Choice(list(VARIANTS)), required=True, help="crop or full.")
@data_option
@click.option(
    "--val",
    "validation",
    type=READ_FILE_OR_FOLDER,
    help="Validation images, in the same forms. Default: the CSV's column 'split', else a fifth is set aside.",
)
@click.option(
    "--split-test",
    "test_share",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="SHARE",
    help="Train and validate on this share of each kind of --data's test images, too (MVTec AD has no anomalies "
    "elsewhere), and list the rest in OUT/held_out.csv for crbl-evaluate.",
)
@images_option
@format_options
@click.option("--out", type=WRITTEN_PATH, help="Folder for the results. Default: runs/VARIANT.")
@device_option
@device_index_option
@no_tiled_resources_option
@click.option(
    "--skip-device-check",
    is_flag=True,
    help="Train on DirectML without comparing one step with the CPU's first.",
)
@click.option(
    "--weights",
    multiple=True,
    help="Initial weights of the backbones: imagenet, noisy-student, none or a file; given twice, one for each "
    "backbone. Default: imagenet for the first and noisy-student for the second.",
)
@weights_help_option
@click.option(
    "--from-checkpoint",
    type=READ_FILE,
    help="Go on from a trained or converted checkpoint of the same variant, with its preprocessing.",
)
@click.option(
    "--threshold",
    "threshold_text",
    help="keep the threshold of the variant or checkpoint, or choose one on the validation images: f1, recall=R, or "
    "cost=FN:FP for what a missed anomaly costs and what a false alarm.  "
    "[default: f1; --recipe original and --from-checkpoint: keep]",
)
@defect_rate_option
@click.option(
    "--calibrate",
    type=click.Choice(METHODS),
    help="Fit a calibration to the validation images, which makes a probability of the score. It changes no decision.",
)
@click.option("--skip-bad", is_flag=True, help="Go on without images that cannot be decoded.")
@click.option("--fail-on-leakage", is_flag=True, help="Stop if a validation image is in the training set, or nearly.")
@click.option("--trust-pickle", is_flag=True, help="Read .pth weights on torch < 2.6 although they can run code.")
@recipe_options
@click.option("--trainable", type=click.Choice(TRAINABLE), help="Default: after-150 for crop, head for full.")
@click.option(
    "--show-augment",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PNG",
    help="Write a contact sheet of augmented training images to this file, and train nothing.",
)
@click.option(
    "--workers",
    type=click.IntRange(0),
    help="Processes that draw augmented views while the device computes; the views are the same with any number. "
    "Default: where a GPU trains on 1,000 augmented images or more, a core less than there are, at most 4; else 0.",
)
@click.option(
    "--cache",
    "cache_mode",
    type=click.Choice(CACHE_MODES),
    default="auto",
    show_default=True,
    help="Cache what the frozen layers give in OUT/activation_cache: auto where possible, on or fail, off.",
)
@click.option(
    "--cache-budget",
    type=click.FloatRange(0),
    default=CACHE_GIGABYTES,
    callback=in_bytes,
    show_default=True,
    help="GB that the cache of one set of images may take.",
)
@memory_budget_option
@click.option(
    "--folds", type=int, help="Cross-validate: train this many models, each validated on another fold of --data."
)
@click.option("--resume", is_flag=True, help="Go on with the unfinished run in OUT, from its last epoch or saved step.")
@click.option(
    "--save-steps",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Save the run after every so many steps, too, and not only after each epoch.",
)
@click.option("--tensorboard", is_flag=True, help="Write TensorBoard event files to OUT/tensorboard, too.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True)
@click.option("--region", type=click.Choice(REGIONS), help="Default: object for crop, border for full.")
@click.option("--image-size", type=int, help="Side of the network's input in pixels.  [default: 128]")
@bit_depth_option
@click.option("--imagenet-normalization", is_flag=True, help="Subtract ImageNet's mean and divide by its deviation.")
def main(
    variant_name: str,
    data: Path,
    validation: Path | None,
    test_share: float | None,
    image_folder: Path | None,
    dataset_format: DatasetFormat,
    out: Path | None,
    device: str,
    device_index: int,
    no_tiled_resources: bool,
    skip_device_check: bool,
    weights: tuple[str, ...],
    from_checkpoint: Path | None,
    threshold_text: str | None,
    defect_rate: float | None,
    calibrate: str | None,
    skip_bad: bool,
    fail_on_leakage: bool,
    trust_pickle: bool,
    given_recipe: GivenRecipe,
    trainable: str | None,
    show_augment: Path | None,
    workers: int | None,
    cache_mode: str,
    cache_budget: int,
    memory_budget: int | None,
    folds: int | None,
    resume: bool,
    save_steps: int,
    tensorboard: bool,
    seed: int,
    region: str | None,
    image_size: int | None,
    bit_depth: int | None,
    imagenet_normalization: bool,
) -> None:
    """Train the crop or the full variant of CRBL and write a checkpoint with its metrics."""
    variant = get_variant(variant_name)
    if threshold_text is not None:
        parse_threshold_rule(threshold_text)
    folder = out if out is not None else Path("runs") / variant.name
    _check_options(weights, from_checkpoint, folder, folds, validation)
    refuse_without_directml(device, no_tiled_resources)
    refuse_unused_format(dataset_format, data, validation)
    # Values that do not go together are refused before any image is read.
    learning = trainable if trainable is not None else variant.trainable
    given_recipe.chosen(learning, from_checkpoint=from_checkpoint is not None)

    split = read_split(data, validation, image_folder, seed, dataset_format, test_share)
    if calibrate is not None:
        _require_images_to_calibrate(split, folds, calibrate)

    from crbl_training.checkpoint import load_checkpoint
    from crbl_training.process_group import launched_shard, process_group
    from crbl_training.train.config import training_config
    from crbl_training.train.folds import run_folds, split_into_folds
    from crbl_training.train.print_once import print_once
    from crbl_training.train.run import run_training

    if launched_shard().rank == 0:
        for line in (*split.readings, *left_out_lines(split.left_out)):
            click.echo(line)
        require_writable(*_written_files(folder, variant.name, folds, show_augment))
    start = load_checkpoint(from_checkpoint, variant.name) if from_checkpoint is not None else None
    config = training_config(
        variant.name,
        recipe_name=given_recipe.name,
        trainable=trainable,
        start=start,
        threshold_rule=threshold_text,
        region=region,
        image_size=image_size,
        bit_depth=bit_depth,
        imagenet_normalization=imagenet_normalization,
        **given_recipe.values,
        seed=seed,
        weights=weights,
        trust_pickle=trust_pickle,
        defect_rate=defect_rate,
        calibrate=calibrate,
        skip_bad=skip_bad,
        fail_on_leakage=fail_on_leakage,
        resume=resume,
        save_steps=save_steps,
        cache_mode=cache_mode,
        cache_budget=cache_budget,
        memory_budget=memory_budget,
        workers=workers,
        tensorboard=tensorboard,
        skip_device_check=skip_device_check,
    )
    if show_augment is not None:
        _show_augmentation(show_augment, config, split, folder)
        return
    of_folds = [] if folds is None else split_into_folds(split.train + split.validation, folds, seed, split.held_out)
    chosen = _device(device, device_index, no_tiled_resources, config.recipe)
    with process_group(chosen.torch_device()):
        for reason in chosen.rejected:
            print_once(f"Not used: {reason}")
        print_once(f"Device: {chosen.kind}, {chosen.description}")
        if of_folds:
            run_folds(config, of_folds, folder, chosen, _command())
        else:
            run_training(config, split, folder, chosen, _command())


def _command() -> str:
    """What gives this run again from its beginning."""
    return shell_command(["crbl-train", *(word for word in sys.argv[1:] if word != "--resume")])


def _check_options(
    weights: tuple[str, ...], from_checkpoint: Path | None, out: Path, folds: int | None, validation: Path | None
) -> None:
    """What click cannot check: options that contradict each other, and names of files among other words."""
    for source in weights:
        require_source(source)
    if weights and from_checkpoint is not None:
        raise UsageError("--weights and --from-checkpoint both name the initial weights. Give one of them.")
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file, expected a folder. Name another one.")
    if folds is not None and folds < 2:
        raise UsageError(f"--folds is {folds}, expected at least 2.")
    if folds is not None and validation is not None:
        raise UsageError("--folds takes its validation images from --data, one fold after the other. Leave out --val.")


def _require_images_to_calibrate(split: "Split", folds: int | None, method: str) -> None:
    """Of the smallest fold, where there are folds; images that cannot be decoded still count here."""
    labels = [image.label for image in split.validation]
    if folds is not None:
        labels += [image.label for image in split.train]
        labels = [label for label in (0, 1) for _ in range(labels.count(label) // folds)]
    require_images_to_calibrate(labels, method)


def _written_files(folder: Path, variant: str, folds: int | None, show_augment: Path | None) -> list[Path]:
    if show_augment is not None:
        return [show_augment]
    if folds is None:
        return [*run_files(folder, variant)]
    of_folds = [run_files(fold_folder(folder, number), variant) for number in range(1, folds + 1)]
    return [folder / FOLDS_FILE, folder / REPORT_FILE, *(path for files in of_folds for path in files)]


def _show_augmentation(path: Path, config: "TrainingConfig", split: "Split", folder: Path) -> None:
    from crbl_training.data.augmentation import get_augmentation
    from crbl_training.data.augmentation_sheet import write_augmentation_sheet
    from crbl_training.data.image_storage import image_storage
    from crbl_training.data.prepared_dataset import prepare_dataset, require_known_bit_depth

    augmentation = get_augmentation(config.recipe.augment)
    if augmentation is None:
        raise UsageError("--show-augment has nothing to show with --augment none. Give original or strong.")
    storage = image_storage(folder / PREPARED_FOLDER, config.memory_budget)
    images = prepare_dataset(split.train, config.spec, "training", skip_bad=config.skip_bad, storage=storage)
    require_known_bit_depth(images, "training")
    write_augmentation_sheet(path, images, augmentation, config.seed)
    click.echo(f"Augmented training images: {path}")


def _device(kind: str, device_index: int, no_tiled_resources: bool, recipe: "Recipe") -> "ChosenDevice":
    """The device of this process, fit for the recipe."""
    import torch

    from crbl_training.devices.device import choose_device
    from crbl_training.process_group import launched_index, launched_shard

    processes = launched_shard().world_size
    if recipe.batch_size % processes:
        raise UsageError(
            f"A batch of {recipe.batch_size} can't be shared out among {processes} processes. Give a multiple of them."
        )
    index = launched_index() if processes > 1 and kind != "cpu" else device_index
    chosen = choose_device(kind, index, tiled_resources=not no_tiled_resources)
    if processes > 1 and chosen.kind == "directml":
        raise UnavailableError("Several processes need CUDA or the CPU: torch-directml has no way to share gradients.")
    if recipe.amp and chosen.kind != "cuda":
        why = {"directml": "torch-directml raises an error in autocast", "cpu": "it is slower than float32 there"}
        raise UnavailableError(f"--amp needs CUDA, the device is {chosen.kind}: {why[chosen.kind]}. Leave it out.")
    if recipe.amp and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise UnavailableError(
            f"--amp needs bfloat16, which {chosen.name} lacks (Ampere or newer has it). Leave it out."
        )
    return chosen
