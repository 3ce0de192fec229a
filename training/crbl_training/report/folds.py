"""The report of a cross-validation: the folds side by side; each has a report of its own."""

from pathlib import Path
from typing import Any

from crbl_runtime.report.size import REPORT_FILE
from crbl_runtime.report.time_text import now
from crbl_training.file_names import fold_folder


def known_of_folds(variant: str, folder: Path, count: int, command: str | None) -> dict[str, Any]:
    """What is known before the first fold, as JSON types.

    Args:
        command: what the training was started with, None where it was no command.
    """
    reports = [fold_folder(Path(), number) / REPORT_FILE for number in range(1, count + 1)]
    return {
        "kind": "folds",
        "variant": variant,
        "folder": str(folder.resolve()),
        "command": command,
        "working_folder": str(Path.cwd()),
        "started": now(),
        "reports": [report.as_posix() for report in reports],
        "metrics": [],
        "summary": None,
    }
