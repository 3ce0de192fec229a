"""What the files of a training run and of an evaluation are called. Imports nothing heavy: a command tries them first.

A run's own folder holds `run_files`; an evaluation's `EVALUATION_FILES`.
"""

import datetime
from pathlib import Path

from crbl_runtime.report.size import REPORT_FILE

METRICS_FILE = "metrics.json"
HISTORY_FILE = "history.csv"
CURVES_FILE = "curves.png"
VALIDATION_SCORES_FILE = "validation_scores.csv"
SCORES_FILE = "scores.csv"
HELD_OUT_FILE = "held_out.csv"
MISTAKES_FILE = "worst_mistakes.png"
RELIABILITY_FILE = "reliability.png"
STATE_FILE = "training_state.safetensors"
FOLDS_FILE = "folds.json"
PREPARED_FOLDER = "prepared_images"

EVALUATION_FILES = (METRICS_FILE, SCORES_FILE, MISTAKES_FILE, RELIABILITY_FILE)
CHECKPOINT_SUFFIXES = (".pth", ".safetensors")


def checkpoint_files(path: Path) -> tuple[Path, Path]:
    """PATH.pth and PATH.safetensors, which come together; `path` has one of the two suffixes, in any case, or none."""
    whole = path.with_suffix("") if path.suffix.lower() in CHECKPOINT_SUFFIXES else path
    return whole.with_name(f"{whole.name}.pth"), whole.with_name(f"{whole.name}.safetensors")


def todays_checkpoint(folder: Path, variant: str) -> Path:
    """The .pth that a run which ends today writes to `folder`."""
    return folder / f"CRBL_{datetime.date.today():%y%m%d}_pytorch_directml_{variant}.pth"


def run_files(folder: Path, variant: str) -> tuple[Path, ...]:
    """All files that a training run of `variant` writes to `folder`."""
    images = (CURVES_FILE, MISTAKES_FILE, RELIABILITY_FILE)
    reports = (REPORT_FILE, HISTORY_FILE, VALIDATION_SCORES_FILE, HELD_OUT_FILE, METRICS_FILE, STATE_FILE)
    return (*checkpoint_files(todays_checkpoint(folder, variant)), *(folder / name for name in (*images, *reports)))


def fold_folder(folder: Path, number: int) -> Path:
    """Where the run of a fold, counted from 1, puts its files."""
    return folder / f"fold_{number}"
