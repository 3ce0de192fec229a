"""The whole line on drawn grains: images, two trained models, two proven files, a table and a contact sheet."""

import json
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from crbl_export.demo.contact_sheet import SheetEntry, write_contact_sheet
from crbl_export.demo.metrics import HeldOutMetrics, held_out_metrics
from crbl_export.demo.public_command import output_of_public_command, run_public_command
from crbl_export.demo.speed import Speed, measure_speed
from crbl_runtime.image import decode
from crbl_runtime.preprocessing import PreprocessingSpec, prepare
from crbl_training.checkpoint import Checkpoint, load_checkpoint
from crbl_training.data.dataset import read_labelled
from crbl_training.data.grains import write_dataset

TRAIN, VALIDATION, TEST = 240, 60, 80
ON_SHEET = 20
TIMED = 20
# The full variant's head is solved, and the crop variant begins with one that is; a few epochs show that it can learn.
TRAINING = {
    "crop": ("--head-start", "solved", "--epochs", "2", "--lr", "1e-4", "--best-by", "auroc"),
    "full": ("--head-start", "solved", "--epochs", "0"),
}


def run_demo(out: Path, seed: int, weights: str, device: str) -> None:
    """Run the public commands one after the other in an empty folder, and print what came of it.

    Args:
        weights: "none" for random initial weights, or "pretrained". device: as for crbl-train.

    Raises:
        CommandFailedError: a command failed.
    """
    started = time.perf_counter()
    click.echo(f"Making {TRAIN + VALIDATION + TEST} images of grains, half of them with an impurity, in {out}/grains")
    write_dataset(out / "grains", seed=seed, train=TRAIN, validation=VALIDATION, test=TEST)

    reports = {variant: _train_and_export(variant, out, seed, weights, device) for variant in ("crop", "full")}
    results = json.loads(
        output_of_public_command("crbl-predict", "crop.onnx", "full.onnx", "grains/images/test", "--json", folder=out)
    )
    labels = _labels(out, results)
    checkpoints = {
        variant: load_checkpoint(next((out / "runs" / variant).glob("*.safetensors"))) for variant in ("crop", "full")
    }
    speeds = {variant: _speed(checkpoint, out, results) for variant, checkpoint in checkpoints.items()}
    metrics = held_out_metrics(results, labels)

    used = "random initial weights" if weights == "none" else "ImageNet and Noisy-Student weights"
    click.echo()
    click.echo("\n".join(_table(metrics, reports, speeds)))
    click.echo(_rule(results[0]))
    click.echo(f"Weights: {used}.")
    sheet = out / "contact_sheet.png"
    write_contact_sheet(
        sheet,
        [
            _entry(out, result, label, checkpoints["crop"].preprocessing)
            for result, label in zip(results[:ON_SHEET], labels, strict=False)
        ],
        "CRBL demo: grains the models have not seen",
        f"The first {ON_SHEET} of {TEST} held-out images, in order; made by formula. Both variants were trained on "
        f"{TRAIN} images from {used}. {_rule(results[0])} The heatmap is the crop model's.",
    )
    click.echo(f"Contact sheet: {sheet}")
    click.echo(f"Model files: {out / 'crop.onnx'} and {out / 'full.onnx'}")
    click.echo(f"Done in {(time.perf_counter() - started) / 60:.1f} minutes.")


def _rule(result: dict[str, Any]) -> str:
    rules = [f"p {model['variant']} > {model['threshold']:.3g}" for model in result["models"]]
    return f"Anomalous when {' or '.join(rules)} (thresholds chosen on {VALIDATION} validation images)."


def _train_and_export(variant: str, out: Path, seed: int, weights: str, device: str) -> dict[str, Any]:
    """Run crbl-train and crbl-export; gives the parity report."""
    initial_weights = ["--weights", "none"] if weights == "none" else []
    run_public_command(
        "crbl-train",
        *("--variant", variant, "--data", "grains/train", "--val", "grains/validation.csv"),
        *TRAINING[variant],
        *initial_weights,
        # The shipped thresholds belong to models trained for long on many images.
        *("--threshold", "f1", "--device", device, "--seed", str(seed), "--out", f"runs/{variant}"),
        folder=out,
    )
    report: dict[str, Any] = json.loads(
        output_of_public_command(
            "crbl-export",
            *("--variant", variant, "--verify", "grains/images/test", "--heatmap"),
            *("-o", f"{variant}.onnx", "--json"),
            folder=out,
        )
    )
    click.echo(f"Parity passed on {report['images']} images: largest |logit error| {report['error_onnx']:.1e}")
    return report


def _labels(out: Path, results: list[dict[str, Any]]) -> list[int]:
    by_path = {image.path: image.label for image in read_labelled(out / "grains" / "test.csv")}
    return [by_path[out / result["path"]] for result in results]


def _speed(checkpoint: Checkpoint, out: Path, results: list[dict[str, Any]]) -> Speed:
    images = [prepare(out / result["path"], checkpoint.preprocessing) for result in results[:TIMED]]
    return measure_speed(checkpoint, out / f"{checkpoint.variant.name}.onnx", images)


def _entry(out: Path, result: dict[str, Any], label: int, seen: PreprocessingSpec) -> SheetEntry:
    path = out / result["path"]
    models = {model["variant"]: model for model in result["models"]}
    return SheetEntry(
        image=decode(path),
        truth=path.stem.partition("_")[2].replace("_", " "),
        probability_crop=models["crop"]["probability"],
        probability_full=models["full"]["probability"],
        decision=result["is_anomaly"],
        correct=result["is_anomaly"] == bool(label),
        heatmap=np.array(models["crop"]["heatmap"], dtype=np.float32),
        heatmap_view=prepare(path, seen).pixels,
    )


def _table(
    metrics: dict[str, HeldOutMetrics], reports: dict[str, dict[str, Any]], speeds: dict[str, Speed]
) -> list[str]:
    header = (
        f"{f'{TEST} held-out images':24} {'accuracy':>8} {'AUROC':>8} {'logit error':>13} {'flips':>7} "
        f"{'ms PyTorch':>12} {'ms ONNX':>9}"
    )
    lines = [header, "-" * len(header)]
    for variant in ("crop", "full"):
        report, speed = reports[variant], speeds[variant]
        lines.append(
            f"{variant:24} {metrics[variant].accuracy:8.1%} {metrics[variant].auroc:8.3f} "
            f"{report['error_onnx']:13.1e} {report['flips']:7d} {speed.pytorch:12.1f} {speed.model_file:9.1f}"
        )
    lines.append(f"{'combined':24} {metrics['combined'].accuracy:8.1%} {metrics['combined'].auroc:8.3f}")
    return lines
