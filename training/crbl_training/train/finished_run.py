"""The end of a run: threshold, calibration, metrics, and all files that it leaves."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from crbl_runtime.atomic_file import replacing_together
from crbl_runtime.calibration import calibration_to_json
from crbl_runtime.errors import DataError
from crbl_runtime.shell_command import shell_command
from crbl_training.checkpoint import Checkpoint, save_checkpoint
from crbl_training.data.dataset import LabelledImage
from crbl_training.data.held_out import held_out_line, write_held_out
from crbl_training.data.prepared_dataset import (
    PreparedDataset,
)
from crbl_training.evaluation.consequences import get_assumptions
from crbl_training.evaluation.metrics import Evaluation, compute_metrics, predict_logits
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
    VALIDATION_SCORES_FILE,
    checkpoint_files,
    todays_checkpoint,
)
from crbl_training.process_group import current_shard
from crbl_training.report.live_report import LiveReport
from crbl_training.report.run_result import shown_result
from crbl_training.train.best_epoch import BEST_BY_LABELS
from crbl_training.train.calibrated_checkpoint import CalibratedCheckpoint, fitted_or_refused, kept_or_dropped
from crbl_training.train.config import TrainingConfig
from crbl_training.train.history import History, write_curves, write_history, write_metrics
from crbl_training.train.loop import TrainingResult
from crbl_training.train.print_once import print_once


@dataclass(frozen=True)
class FinishedRun:
    """What a training run ends with.

    Attributes:
        checkpoint: the .safetensors with everything about the model; its .pth is beside it.
        history: all epochs. evaluation: of the best one's weights on the validation images, at the threshold chosen
            for them; without intervals in processes that only share the work.
    """

    checkpoint: Path
    history: History
    evaluation: Evaluation


def finish_run(
    checkpoint: Checkpoint,
    config: TrainingConfig,
    validation_set: PreparedDataset,
    held_out: tuple[LabelledImage, ...],
    result: TrainingResult,
    found: dict[str, Any],
    folder: Path,
    page: LiveReport,
) -> tuple[FinishedRun, DataError | None]:
    """Choose the threshold, calibrate, compute and print the metrics, and write all files, or none of them.

    Args:
        found: what metrics.json has about the images. page: is given the result; where it cannot be written, all other
            files are, and metrics.json says why.

    Returns:
        what came of it, and why the calibration that was asked for could not be fitted.
    """
    model = checkpoint.build_model()
    logits = predict_logits(model, validation_set.images, config.spec, torch.device("cpu"))
    checkpoint = _with_threshold(checkpoint, config, logits, validation_set)
    calibrated = _calibrated(checkpoint, config, logits, validation_set)
    checkpoint = calibrated.checkpoint
    name = config.variant.name
    pth, sidecar = checkpoint_files(todays_checkpoint(folder, name))
    if current_shard().rank > 0:
        evaluation = Evaluation(compute_metrics(logits, validation_set.labels, checkpoint.threshold), {})
        return FinishedRun(sidecar, result.history, evaluation), calibrated.refusal
    # The provenance has the costs, if any: those of this run's rule, or of the checkpoint whose threshold is kept.
    assumptions = get_assumptions(config.defect_rate, None, checkpoint.provenance)
    report = report_on(validation_set, logits, checkpoint.threshold, calibrated.images, assumptions)
    measured = {"validation": report.evaluation.to_dict(), "reliability": reliability_to_dict(report)}
    checkpoint = replace(checkpoint, provenance=checkpoint.provenance | measured)

    best = f"Best epoch {result.best_epoch}" + (" (the solved head)" if result.best_epoch == 0 else "")
    print_once(
        f"{best}, chosen by {BEST_BY_LABELS[config.recipe.best_by]} on the {len(validation_set.paths)} validation "
        "images, on which:"
    )
    print_once("\n".join([*report_lines(report), *reliability_lines(report)]))
    print_once(f"Threshold {checkpoint.threshold:.4g}: {checkpoint.threshold_source}")
    if calibrated.note is not None:
        print_once(f"No calibration: {calibrated.note}")
    commands = _next_commands(pth, name, folder / HELD_OUT_FILE if held_out else None)
    described = {
        "variant": name,
        "checkpoint": pth.name,
        "checkpoint_hash": checkpoint.hash,
        "threshold_source": checkpoint.threshold_source,
        "consequences": report.consequences.to_dict(),
        "calibration": calibration_to_json(checkpoint.calibration),
    }
    chosen = {
        "best_epoch": result.best_epoch,
        "threshold_choice": checkpoint.provenance["threshold_choice"],
        "calibration_note": calibrated.note,
        "next": commands,
    }
    with replacing_together(folder, always=sidecar.name) as new:
        save_checkpoint(checkpoint, new / pth.name)
        write_history(new / HISTORY_FILE, result.history)
        write_curves(new / CURVES_FILE, result.history, f"CRBL {name}", augmented=config.recipe.augmented)
        shown = write_report(new, VALIDATION_SCORES_FILE, report, f"CRBL {name}, validation")
        if held_out:
            write_held_out(new / HELD_OUT_FILE, held_out)
        page.finish(result=described | chosen | measured | shown_result(report, model, config.spec, page.pictures))
        shown |= {"report": page.file.to_dict()}
        write_metrics(new / METRICS_FILE, {**described, **checkpoint.provenance, **shown, **found})
    print_once(f"Checkpoint: {pth} and {sidecar.name}")
    if held_out:
        print_once(f"{held_out_line(held_out)}. Measure on them: {commands['evaluate']}")
    print_once(f"Next: {commands['export']}")
    if page.file.problem is None:
        print_once(f"Report: {page.file.path}")
    return FinishedRun(sidecar, result.history, report.evaluation), calibrated.refusal


def _next_commands(pth: Path, variant: str, held_out: Path | None) -> dict[str, str]:
    """What follows on a training, as lines for a shell; without held-out images a name stands for the test images."""
    test_images = str(held_out) if held_out is not None else "TEST_IMAGES"
    return {
        "export": shell_command(["crbl-export", "--variant", variant, "--checkpoint", str(pth)]),
        "evaluate": shell_command(["crbl-evaluate", str(pth), "--data", test_images]),
    }


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
