"""The public commands, run through the entry points that their installed programs call."""

import contextlib
import io
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from unittest.mock import patch


@dataclass(frozen=True)
class Trained:
    """A checkpoint and the model file that was exported from it, with a heatmap."""

    checkpoint: Path
    model: Path

    @classmethod
    def in_folder(cls, folder: Path) -> "Trained":
        """The ones that a folder holds under one name."""
        checkpoint = next(folder.glob("*.safetensors"))
        return cls(checkpoint, checkpoint.with_suffix(".onnx"))


def run_command(name: str, *arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in this process, from its entry point to its exit code.

    A process of its own would import torch once more, which costs more than most commands do.
    """
    command = [name, *map(str, arguments)]
    stdout, stderr = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(cwd if cwd is not None else Path()),
        patch.object(sys, "argv", command),
        patch.dict(os.environ, COLUMNS="200"),
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
    ):
        code = _exit_code(_entry_point(name))
    return subprocess.CompletedProcess(command, code, stdout.getvalue(), stderr.getvalue())


def run_in_own_process(
    name: str, *arguments: object, cwd: Path | None = None, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the installed program, for what only a process shows: its encoding, its signals, what it imports.

    Its output is read in the encoding of this machine, as any other program would read it.
    """
    folder = sysconfig.get_path("scripts")
    executable = shutil.which(name, path=folder)
    assert executable is not None, f"{name} is not installed in {folder}"
    command = [executable, *map(str, arguments)]
    variables = os.environ | {"COLUMNS": "200"} | (environment or {})
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=variables)


def _entry_point(name: str) -> Callable[[], object]:
    (found,) = entry_points(group="console_scripts", name=name)
    loaded: Callable[[], object] = found.load()
    return loaded


def _exit_code(entry_point: Callable[[], object]) -> int:
    try:
        entry_point()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
