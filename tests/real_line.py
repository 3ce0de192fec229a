"""The public commands, run as a user runs them, and what they leave."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Trained:
    """A checkpoint and the model file that was exported from it, with a heatmap."""

    checkpoint: Path
    model: Path


def run_command(name: str, *arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A command of this environment in a process of its own."""
    executable = shutil.which(name, path=str(Path(sys.executable).parent))
    assert executable is not None, f"{name} is not installed beside {sys.executable}"
    return subprocess.run(
        [executable, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONUTF8": "1", "COLUMNS": "200"},
    )
