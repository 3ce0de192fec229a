"""What the report of a run holds before the run has a result."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from crbl_training.data.dataset import Split
from crbl_training.data.leakage import Leakage
from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.devices.device import ChosenDevice
from crbl_training.report.data_overview import data_overview
from crbl_training.report.live_report import LiveReport
from crbl_training.report.pictures import Pictures
from crbl_training.train.config import TrainingConfig
from crbl_training.train.state import Progress

# What of the config is shown beside the recipe; all else is in the provenance, or has no part in the result.
SHOWN_OPTIONS = ("threshold_rule", "defect_rate", "calibrate", "skip_bad", "cache_mode", "workers", "save_steps")


def known_of_run(
    config: TrainingConfig, folder: Path, chosen: ChosenDevice, provenance: dict[str, Any], command: str | None
) -> dict[str, Any]:
    """What is known before the first step, but for the images, as JSON types.

    Args:
        provenance: what is known of it. command: what the run was started with, None where it was no command.
    """
    return {
        "kind": "run",
        "variant": config.variant.name,
        "folder": str(folder.resolve()),
        "command": command,
        "working_folder": str(Path.cwd()),
        "options": {name: getattr(config, name) for name in SHOWN_OPTIONS},
        "rejected_devices": list(chosen.rejected),
        "provenance": provenance,
        "epochs": [],
        "epochs_before": None,
        "solved_head": None,
        "result": None,
    }


def overview_of_run(
    config: TrainingConfig,
    split: Split,
    train_set: PreparedDataset,
    validation_set: PreparedDataset,
    leakage: Leakage,
    pictures: Pictures,
) -> dict[str, Any]:
    """The run's `data_overview`."""
    augmentation = config.recipe.augment if config.recipe.augmented else "none"
    return data_overview(train_set, validation_set, split, config.spec, leakage, augmentation, config.seed, pictures)


def show_progress(report: LiveReport, progress: Progress) -> None:
    """Write the report with the epochs so far; those that are there at the first time are of an earlier process."""
    before = report.data["epochs_before"]
    report.update(
        epochs=[asdict(epoch) for epoch in progress.history],
        epochs_before=len(progress.history) if before is None else before,
        solved_head=progress.solved_head,
    )
