"""crbl-evaluate: what a checkpoint or a model file can do on labelled images."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crbl_runtime.atomic_file import replacing_together, require_writable
from crbl_runtime.command_line import READ_FILE, WRITTEN_PATH, bit_depth_option, device_index_option
from crbl_runtime.errors import UsageError
from crbl_runtime.left_out import left_out_as_json, left_out_lines
from crbl_training.commands.data_and_device import (
    data_option,
    device_option,
    format_options,
    images_option,
    memory_budget_option,
    no_tiled_resources_option,
    refuse_unused_format,
    refuse_without_directml,
)
from crbl_training.data.dataset import SPLITS, data_hash, read_images
from crbl_training.data.dataset_format import DatasetFormat
from crbl_training.file_names import (
    EVALUATION_FILES,
    HISTORY_FILE,
    METRICS_FILE,
    MISTAKES_FILE,
    PREPARED_FOLDER,
    SCORES_FILE,
)

if TYPE_CHECKING:
    from crbl_training.evaluation.evaluated_model import EvaluatedModel
    from crbl_training.evaluation.report import EvaluationReport


@click.command(epilog="Example: crbl-evaluate crop.onnx --data images/test.csv --out evaluation")
@click.argument("model_path", metavar="MODEL|CHECKPOINT", type=READ_FILE)
@data_option
@images_option
@format_options
@click.option("--split", type=click.Choice(SPLITS), help="Which images of a CSV with a column 'split'.")
@click.option("--out", type=WRITTEN_PATH, help="Write scores, metrics.json and the worst mistakes to this folder.")
@click.option("--threshold", type=click.FloatRange(0, 1), help="Anomaly above this probability. Default: the model's.")
@click.option("--skip-bad", is_flag=True, help="Go on without images that cannot be decoded.")
@memory_budget_option
@bit_depth_option
@device_option
@device_index_option
@no_tiled_resources_option
@click.option("--json", "as_json", is_flag=True, help="Print the metrics as JSON.")
def main(
    model_path: Path,
    data: Path,
    image_folder: Path | None,
    dataset_format: DatasetFormat,
    split: str | None,
    out: Path | None,
    threshold: float | None,
    skip_bad: bool,
    memory_budget: int | None,
    bit_depth: int | None,
    device: str,
    device_index: int,
    no_tiled_resources: bool,
    as_json: bool,
) -> None:
    """Measure a model file (.onnx) or a checkpoint (.pth, .safetensors) on labelled images, with intervals."""
    refuse_without_directml(device, no_tiled_resources)
    refuse_unused_format(dataset_format, data)
    if out is not None:
        _require_no_training_run(out)
        require_writable(*(out / name for name in EVALUATION_FILES))
    listing = read_images(data, image_folder, split, dataset_format)

    from crbl_runtime.onnxruntime_boundary import print_errors_only
    from crbl_training.data.image_storage import image_storage
    from crbl_training.data.prepared_dataset import prepare_dataset
    from crbl_training.evaluation.evaluated_model import open_model
    from crbl_training.evaluation.report import report_on

    print_errors_only()
    with open_model(
        model_path, device, device_index, tiled_resources=not no_tiled_resources, bit_depth=bit_depth
    ) as model:
        storage = image_storage(out / PREPARED_FOLDER if out is not None else None, memory_budget)
        images = prepare_dataset(listing.images, model.preprocessing, "labelled", skip_bad=skip_bad, storage=storage)
        report = report_on(images, model.logits(images), model.threshold if threshold is None else threshold)
    source = model.threshold_source if threshold is None else "given with --threshold"
    given = {
        "data": str(data),
        "data_reading": listing.reading,
        "split": split,
        "left_out": left_out_as_json(listing.left_out),
    }
    facts = _facts(model_path, model, given, source, report)
    try:
        if out is not None:
            facts = _write(out, facts, report, f"{model_path.name} on {data.name}")
    finally:  # What was measured is shown where it cannot be written, too.
        lines = [*_lines(model_path, model, facts, report), *left_out_lines(listing.left_out)]
        click.echo(json.dumps(facts, indent=2) if as_json else "\n".join(lines))
    if out is not None and not as_json:
        click.echo(f"Written: {out / METRICS_FILE}, {SCORES_FILE} and {MISTAKES_FILE}")


def _require_no_training_run(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file, expected a folder. Name another one.")
    if (out / HISTORY_FILE).exists():
        raise UsageError(f"--out {out} holds a training run, whose metrics.json would be lost. Name another folder.")


def _write(out: Path, facts: dict[str, Any], report: "EvaluationReport", title: str) -> dict[str, Any]:
    """Write all files, or none of them; gives the facts with what metrics.json holds about the other files."""
    from crbl_training.evaluation.report import write_report
    from crbl_training.train.history import write_metrics

    with replacing_together(out) as new:
        facts = facts | write_report(new, SCORES_FILE, report, title)
        write_metrics(new / METRICS_FILE, facts)
    return facts


def _facts(
    model_path: Path, model: "EvaluatedModel", images: dict[str, Any], source: str, report: "EvaluationReport"
) -> dict[str, Any]:
    dataset = report.dataset
    digest = data_hash(dataset.labelled_images)
    return {
        "model": str(model_path),
        "variant": model.variant,
        "checkpoint_hash": model.training.get("checkpoint_hash"),
        "device": model.device,
        "rejected": list(model.rejected),
        **images,
        "data_hash": digest,
        "known_images": model.known_images(digest),
        "skipped": list(dataset.skipped),
        "prepared_images": dataset.stored,
        "regions_missing": dataset.regions_missing,
        "bit_depth_unclear": len(dataset.bit_depth_unclear),
        "threshold_source": source,
        "evaluation": report.evaluation.to_dict(),
    }


def _lines(model_path: Path, model: "EvaluatedModel", facts: dict[str, Any], report: "EvaluationReport") -> list[str]:
    from crbl_training.data.prepared_dataset import description_lines
    from crbl_training.evaluation.report import report_lines

    lines = [f"Not used: {reason}" for reason in model.rejected]
    lines.append(f"{model_path.name}: {model.variant}, on {model.device}")
    if facts["data_reading"] is not None:
        lines.append(facts["data_reading"])
    lines += description_lines(report.dataset, "labelled", model.preprocessing.region)
    lines.append(f"Threshold {report.evaluation.metrics.threshold:.4g}: {facts['threshold_source']}")
    if facts["known_images"]:
        lines.append(f"Note: {facts['known_images']}")
    return lines + report_lines(report)
