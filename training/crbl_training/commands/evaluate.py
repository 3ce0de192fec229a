"""crbl-evaluate: what a checkpoint or a model file can do on labelled images."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crbl_runtime.atomic_file import replacing_together, require_writable
from crbl_runtime.calibration import METHODS, calibration_to_json
from crbl_runtime.command_line import READ_FILE, WRITTEN_PATH, bit_depth_option, device_index_option, review_page_option
from crbl_runtime.errors import UsageError
from crbl_runtime.left_out import left_out_as_json, left_out_lines
from crbl_runtime.report.size import REPORT_FILE, require_showable
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
from crbl_training.commands.threshold_options import defect_rate_option, threshold_or_rule
from crbl_training.data.dataset import read_images
from crbl_training.data.dataset_format import DatasetFormat
from crbl_training.data.split_words import SPLITS
from crbl_training.evaluation.calibration_images import require_images_to_calibrate
from crbl_training.file_names import (
    CHECKPOINT_SUFFIXES,
    EVALUATION_FILES,
    HISTORY_FILE,
    METRICS_FILE,
    MISTAKES_FILE,
    PREPARED_FOLDER,
    RELIABILITY_FILE,
    SCORES_FILE,
    checkpoint_files,
)

if TYPE_CHECKING:
    from crbl_training.checkpoint import Checkpoint
    from crbl_training.evaluation.evaluated_model import EvaluatedModel
    from crbl_training.evaluation.report import EvaluationReport
    from crbl_training.evaluation.threshold_in_use import ThresholdInUse


@click.command(epilog="Example: crbl-evaluate crop.onnx --data images/test.csv --out evaluation")
@click.argument("model_path", metavar="MODEL|CHECKPOINT", type=READ_FILE)
@data_option
@images_option
@format_options
@click.option("--split", type=click.Choice(SPLITS), help="Which images where a CSV or folders split them.")
@click.option("--out", type=WRITTEN_PATH, help="Write scores, metrics.json, worst mistakes and reliability here.")
@click.option(
    "--threshold",
    "threshold_text",
    metavar="NUMBER|RULE",
    help="Anomaly above this probability; or the rule that chooses one on these images: f1, recall=R or cost=FN:FP. "
    "Default: keep the model's.",
)
@defect_rate_option
@click.option(
    "--calibrate",
    type=click.Choice(METHODS),
    help="Fit a calibration of the CHECKPOINT to these images, and write the calibrated checkpoint to --out.",
)
@review_page_option
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
    threshold_text: str | None,
    defect_rate: float | None,
    calibrate: str | None,
    report_folder: Path | None,
    skip_bad: bool,
    memory_budget: int | None,
    bit_depth: int | None,
    device: str,
    device_index: int,
    no_tiled_resources: bool,
    as_json: bool,
) -> None:
    """Measure a model file (.onnx) or a checkpoint (.pth, .safetensors) on labelled images, with intervals."""
    asked = threshold_or_rule(threshold_text, defect_rate)
    refuse_without_directml(device, no_tiled_resources)
    refuse_unused_format(dataset_format, data)
    if calibrate is not None:
        _require_calibratable(model_path, out, bit_depth)
    if out is not None:
        _require_no_training_run(out)
        written = checkpoint_files(out / model_path.name) if calibrate is not None else ()
        require_writable(*(out / name for name in EVALUATION_FILES), *written)
    if report_folder is not None:
        require_writable(report_folder / REPORT_FILE)
    listing = read_images(data, image_folder, split, dataset_format)
    if report_folder is not None:
        require_showable(len(listing.images))
    if calibrate is not None:
        require_images_to_calibrate([image.label for image in listing.images], calibrate)

    from crbl_runtime.onnxruntime_boundary import print_errors_only
    from crbl_training.data.image_storage import image_storage
    from crbl_training.evaluation.evaluated_model import open_model
    from crbl_training.evaluation.model_evaluation import evaluate_model
    from crbl_training.evaluation.review import reviewed_images, write_review

    print_errors_only()
    with open_model(
        model_path, device, device_index, tiled_resources=not no_tiled_resources, bit_depth=bit_depth
    ) as model:
        storage = image_storage(out / PREPARED_FOLDER if out is not None else None, memory_budget)
        measured = evaluate_model(
            model,
            listing.images,
            threshold=asked,
            defect_rate=defect_rate,
            calibrate=calibrate,
            skip_bad=skip_bad,
            explain=report_folder is not None,
            storage=storage,
        )
    report = measured.report
    checkpoint = _calibrated_checkpoint(model_path, report) if calibrate is not None else None
    given = {
        "data": str(data),
        "data_reading": listing.reading,
        "split": split,
        "left_out": left_out_as_json(listing.left_out),
        "data_hash": measured.data_hash,
        "known_images": model.known_images(measured.data_hash),
    }
    images_per_second = len(report.dataset.paths) / measured.seconds
    speed = {"prediction_seconds": measured.seconds, "images_per_second": images_per_second}
    facts = _facts(model_path, model, given | speed, measured.threshold, report)
    title = f"{model_path.name} on {data.name}"
    try:
        if out is not None:
            facts = _write(out, facts, report, title, checkpoint)
        if report_folder is not None and measured.explained is not None:
            shown = reviewed_images(listing.images, report, measured.explained, model.preprocessing.bit_depth)
            write_review(
                report_folder / REPORT_FILE,
                title,
                model.reviewed(model_path.name, measured.threshold.value, measured.threshold.source),
                shown,
                report.consequences,
                [*_notes(facts), *left_out_lines(listing.left_out)],
            )
    finally:  # What was measured is shown where it cannot be written, too.
        lines = [*_lines(model_path, model, facts, report), *left_out_lines(listing.left_out)]
        click.echo(json.dumps(facts, indent=2) if as_json else "\n".join(lines))
    if out is not None and not as_json:
        click.echo(f"Written: {out / METRICS_FILE}, {SCORES_FILE}, {MISTAKES_FILE} and {RELIABILITY_FILE}")
        if checkpoint is not None:
            pth, sidecar = checkpoint_files(out / model_path.name)
            click.echo(f"Calibrated checkpoint: {pth} and {sidecar.name}")
    if report_folder is not None and not as_json:
        click.echo(f"Report: {report_folder / REPORT_FILE}")


def _require_no_training_run(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file, expected a folder. Name another one.")
    if (out / HISTORY_FILE).exists():
        raise UsageError(f"--out {out} holds a training run, whose metrics.json would be lost. Name another folder.")


def _require_calibratable(model_path: Path, out: Path | None, bit_depth: int | None) -> None:
    """Refuse what a calibrated checkpoint cannot be made of, or would be written over.

    Raises:
        UsageError: naming the option or the file.
    """
    if model_path.suffix.lower() not in CHECKPOINT_SUFFIXES:
        raise UsageError(
            f"--calibrate writes a checkpoint, and {model_path} is none. Calibrate the checkpoint that it was exported "
            "from, and export that with crbl-export --checkpoint."
        )
    if out is None:
        raise UsageError("--calibrate writes a calibrated checkpoint. Name a folder for it with --out.")
    if out.resolve() == model_path.resolve().parent:
        raise UsageError(f"--out {out} holds {model_path.name} itself, which stays as it is. Name another folder.")
    if bit_depth is not None:
        raise UsageError(
            "--calibrate fits a checkpoint as it is, and --bit-depth changes its preprocessing. Leave out one of them."
        )


def _calibrated_checkpoint(path: Path, report: "EvaluationReport") -> "Checkpoint":
    from crbl_training.checkpoint import load_checkpoint
    from crbl_training.evaluation.report import reliability_to_dict
    from crbl_training.train.calibrated_checkpoint import with_calibration

    assert report.calibrated is not None
    return with_calibration(load_checkpoint(path), report.calibrated.calibration, reliability_to_dict(report))


def _write(
    out: Path, facts: dict[str, Any], report: "EvaluationReport", title: str, checkpoint: "Checkpoint | None"
) -> dict[str, Any]:
    """Write all files, or none of them; gives the facts with what metrics.json holds about the other files."""
    from crbl_training.checkpoint import save_checkpoint
    from crbl_training.evaluation.report import write_report
    from crbl_training.train.history import write_metrics

    always = METRICS_FILE if checkpoint is None else checkpoint_files(out / Path(facts["model"]).name)[1].name
    with replacing_together(out, always) as new:
        facts = facts | write_report(new, SCORES_FILE, report, title)
        write_metrics(new / METRICS_FILE, facts)
        if checkpoint is not None:
            save_checkpoint(checkpoint, new / Path(facts["model"]).name)
    return facts


def _facts(
    model_path: Path,
    model: "EvaluatedModel",
    images: dict[str, Any],
    used: "ThresholdInUse",
    report: "EvaluationReport",
) -> dict[str, Any]:
    """What metrics.json and --json hold; `images` is what is known of the images and of their prediction."""
    from crbl_training.evaluation.report import reliability_to_dict

    dataset, calibrated = report.dataset, report.calibrated
    return {
        "model": str(model_path),
        "variant": model.variant,
        "checkpoint_hash": model.training.get("checkpoint_hash"),
        "device": model.device,
        "rejected": list(model.rejected),
        **images,
        "skipped": list(dataset.skipped),
        "prepared_images": dataset.stored,
        "regions_missing": dataset.regions_missing,
        "bit_depth_unclear": len(dataset.bit_depth_unclear),
        "threshold_source": used.source,
        "threshold_choice": used.chosen.to_dict() if used.chosen is not None else None,
        "calibration": calibration_to_json(calibrated.calibration if calibrated is not None else None),
        "reliability": reliability_to_dict(report),
        "evaluation": report.evaluation.to_dict(),
        "consequences": report.consequences.to_dict(),
    }


def _lines(model_path: Path, model: "EvaluatedModel", facts: dict[str, Any], report: "EvaluationReport") -> list[str]:
    from crbl_training.data.prepared_dataset import description_lines
    from crbl_training.evaluation.report import reliability_lines, report_lines

    lines = [f"Not used: {reason}" for reason in model.rejected]
    lines.append(f"{model_path.name}: {model.variant}, on {model.device}")
    if facts["data_reading"] is not None:
        lines.append(facts["data_reading"])
    lines += description_lines(report.dataset, "labelled", model.preprocessing.region)
    count = len(report.dataset.paths)
    lines.append(
        f"{count:,} image{'s' if count > 1 else ''} in {facts['prediction_seconds']:.1f} s, "
        f"{facts['images_per_second']:.1f} images/s"
    )
    lines.append(f"Threshold {report.evaluation.metrics.threshold:.4g}: {facts['threshold_source']}")
    lines += [f"Note: {note}" for note in _notes(facts)]
    return [*lines, *report_lines(report), *reliability_lines(report)]


def _notes(facts: dict[str, Any]) -> list[str]:
    """What makes the figures better than those of other images would be."""
    chosen_here = "The threshold was chosen on these very images: at it, expect less of others."
    notes = [chosen_here] if facts["threshold_choice"] is not None else []
    return [*notes, facts["known_images"]] if facts["known_images"] else notes
