"""crbl-train: from labelled pictures to a checkpoint."""

import datetime
import platform
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import timm
import torch

from crbl_runtime.errors import UsageError
from crbl_runtime.preprocessing import IMAGENET_MEAN, IMAGENET_STD, REGIONS, PreprocessingSpec
from crbl_runtime.variant import VARIANTS, Variant, variant_named
from crbl_training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from crbl_training.dataset import data_hash, read_split
from crbl_training.device import KINDS, choose_device
from crbl_training.evaluation import compute_metrics, predict_logits
from crbl_training.first_weights import load_backbones, load_start
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.prepared_set import PreparedSet, prepare_set
from crbl_training.recipe import AUGMENTATIONS, Recipe
from crbl_training.reports import write_curves, write_history, write_metrics
from crbl_training.threshold import choose_threshold, parse_threshold_rule
from crbl_training.training_loop import Epoch, train_model
from crbl_training.validation_scores import SCORES_FILE, write_scores


@click.command(epilog="Example: crbl-train --variant crop --data pictures/train --val pictures/validation.csv")
@click.option("--variant", "variant_name", type=click.Choice(list(VARIANTS)), required=True, help="crop or full.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    help="A folder with class_0/class_1 (or normal/anomaly, good/bad), or a CSV with image_path and impurity.",
)
@click.option(
    "--val",
    "validation",
    type=click.Path(path_type=Path),
    help="Validation pictures, in the same forms. Default: the CSV's column 'split', else a fifth is set aside.",
)
@click.option(
    "--images", type=click.Path(path_type=Path), help="What paths in a CSV are relative to. Default: its folder."
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results. Default: runs/VARIANT.")
@click.option("--device", type=click.Choice(["auto", *KINDS]), default="auto", show_default=True)
@click.option("--device-index", type=int, default=0, show_default=True, help="Which adapter, where there are several.")
@click.option(
    "--weights",
    multiple=True,
    help="First weights of the backbones: imagenet, noisy-student, none or a file; given twice, one for each backbone. "
    "Default: imagenet for the first and noisy-student for the second.",
)
@click.option(
    "--from-checkpoint",
    type=click.Path(path_type=Path),
    help="Go on from a trained or converted checkpoint of the same variant, with its preprocessing.",
)
@click.option(
    "--threshold",
    "threshold_text",
    default="keep",
    show_default=True,
    help="keep the threshold of the variant or checkpoint, or choose one on the validation pictures: f1 or recall=R.",
)
@click.option("--trust-pickle", is_flag=True, help="Read .pth weights on torch < 2.6 although they can run code.")
@click.option("--epochs", type=int, default=Recipe.epochs, show_default=True)
@click.option("--batch-size", type=int, default=Recipe.batch_size, show_default=True)
@click.option("--lr", "learning_rate", type=float, default=Recipe.learning_rate, show_default=True)
@click.option("--augment", type=click.Choice(AUGMENTATIONS), default=Recipe.augment, show_default=True)
@click.option("--root-floor", type=float, default=Recipe.root_floor, show_default=True, help="See docs/root_floor.md.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True)
@click.option("--region", type=click.Choice(REGIONS), help="Default: object for crop, border for full.")
@click.option("--image-size", type=int, help="Side of the network's input in pixels.  [default: 128]")
@click.option("--imagenet-normalization", is_flag=True, help="Subtract ImageNet's mean and divide by its deviation.")
def main(
    variant_name: str,
    data: Path,
    validation: Path | None,
    images: Path | None,
    out: Path | None,
    device: str,
    device_index: int,
    weights: tuple[str, ...],
    from_checkpoint: Path | None,
    threshold_text: str,
    trust_pickle: bool,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    augment: str,
    root_floor: float,
    seed: int,
    region: str | None,
    image_size: int | None,
    imagenet_normalization: bool,
) -> None:
    """Train the crop or the full variant of CRBL and write a checkpoint with its figures."""
    variant = variant_named(variant_name)
    rule = parse_threshold_rule(threshold_text)
    recipe = Recipe(
        epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, augment=augment, root_floor=root_floor
    )
    start = _starting_checkpoint(from_checkpoint, variant, weights)
    spec = _preprocessing(variant, start, region, image_size, imagenet_normalization)
    folder = out if out is not None else Path("runs") / variant.name
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--out {folder} is a file, expected a folder. Name another one.")

    chosen = choose_device(device, device_index)
    for reason in chosen.passed_over:
        click.echo(f"Not used: {reason}")
    click.echo(f"Device: {chosen.kind}, {chosen.name}")

    split = read_split(data, validation, images, seed)
    train_set = prepare_set(split.train, spec, "training")
    validation_set = prepare_set(split.validation, spec, "validation")
    for name, prepared in (("training", train_set), ("validation", validation_set)):
        click.echo(_describe(name, prepared, spec))

    torch.manual_seed(seed)
    model = CRBLDualModel(variant.trainable, recipe.root_floor)
    if start is not None:
        origin = load_start(model, start)
    else:
        origin = load_backbones(model, weights, train_set, spec, trust_pickle=trust_pickle)
    click.echo(f"Weights: {origin}")
    learning = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    click.echo(f"Training {learning:,} parameters ({variant.name}) for up to {recipe.epochs} epochs")

    threshold = start.threshold if start is not None else variant.threshold
    result = train_model(
        model, train_set, validation_set, spec, threshold, recipe, chosen.torch_device(), seed, _print_epoch
    )
    checkpoint = Checkpoint(
        variant=variant,
        state=result.state,
        preprocessing=spec,
        threshold=threshold,
        threshold_source=start.threshold_source if start is not None else f"the default of the variant {variant.name}",
        provenance=_provenance(recipe, seed, chosen.kind, chosen.name, origin, split.validation_source)
        | {
            "best_epoch": result.best_epoch,
            "train_pictures": len(split.train),
            "train_data_hash": data_hash(split.train),
            "validation_pictures": len(split.validation),
            "validation_data_hash": data_hash(split.validation),
        },
    )
    logits = predict_logits(checkpoint.build_model(), validation_set.images, spec, torch.device("cpu"))
    if rule.kind != "keep":
        threshold = choose_threshold(rule, logits, validation_set.labels)
        source = f"{threshold_text} on {len(split.validation)} validation pictures"
        checkpoint = replace(checkpoint, threshold=threshold, threshold_source=source)
        click.echo(f"Threshold {threshold:.4g}, chosen by {source}")
    figures = compute_metrics(logits, validation_set.labels, threshold)
    checkpoint = replace(checkpoint, provenance=checkpoint.provenance | {"validation": figures.to_dict()})

    stamp = datetime.date.today().strftime("%y%m%d")
    pth, twin = save_checkpoint(checkpoint, folder / f"CRBL_{stamp}_pytorch_directml_{variant.name}.pth")
    write_history(folder / "history.csv", result.history)
    write_scores(folder / SCORES_FILE, validation_set, logits)
    write_curves(folder / "curves.png", result.history, f"CRBL {variant.name}")
    write_metrics(
        folder / "metrics.json",
        {"variant": variant.name, "checkpoint": pth.name, "checkpoint_hash": checkpoint.hash, **checkpoint.provenance},
    )
    click.echo(
        f"Best epoch {result.best_epoch}: AUROC {figures.auroc:.4f}, "
        f"average precision {figures.average_precision:.4f}; "
        f"at the threshold {threshold:g} accuracy {figures.accuracy:.4f}, recall {figures.recall:.4f}, "
        f"precision {figures.precision:.4f} on {figures.pictures} validation pictures"
    )
    click.echo(f"Checkpoint: {pth} and {twin.name}")
    click.echo(f"Next: crbl-export --variant {variant.name} --checkpoint {pth}")


def _starting_checkpoint(path: Path | None, variant: Variant, weights: tuple[str, ...]) -> Checkpoint | None:
    if path is None:
        return None
    if weights:
        raise UsageError("--weights and --from-checkpoint both say where the weights come from. Give one of them.")
    return load_checkpoint(path, variant.name)


def _preprocessing(
    variant: Variant,
    start: Checkpoint | None,
    region: str | None,
    image_size: int | None,
    imagenet_normalization: bool,
) -> PreprocessingSpec:
    spec = start.preprocessing if start is not None else PreprocessingSpec(region=variant.region)
    changes: dict[str, Any] = {}
    if region is not None:
        changes["region"] = region
    if image_size is not None:
        changes["image_size"] = image_size
    if imagenet_normalization:
        changes |= {"mean": IMAGENET_MEAN, "std": IMAGENET_STD}
    return replace(spec, **changes)


def _describe(name: str, prepared: PreparedSet, spec: PreprocessingSpec) -> str:
    anomalous = int(prepared.labels.sum())
    line = f"{len(prepared.paths)} {name} pictures: {len(prepared.paths) - anomalous} normal, {anomalous} anomalous"
    if prepared.regions_missing:
        line += f" (no {spec.region} found in {prepared.regions_missing}: taken whole)"
    return line


def _print_epoch(epoch: Epoch) -> None:
    click.echo(
        f"Epoch {epoch.number:3d}  loss {epoch.train_loss:.4f}  validation loss {epoch.validation.loss:.4f}  "
        f"AUROC {epoch.validation.auroc:.4f}  accuracy {epoch.validation.accuracy:.4f}  "
        f"lr {epoch.learning_rate:.1e}  {epoch.seconds:.1f} s{'  best' if epoch.best else ''}"
    )


def _provenance(
    recipe: Recipe, seed: int, kind: str, adapter: str, origin: str, validation_source: str
) -> dict[str, Any]:
    return {
        "recipe": asdict(recipe),
        "seed": seed,
        "device": f"{kind}: {adapter}",
        "weights": origin,
        "validation_source": validation_source,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "timm": timm.__version__,
            "numpy": np.__version__,
            "opencv": cv2.__version__,
        },
    }


if __name__ == "__main__":
    main()
