"""The project's own commands, run as a user runs them."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from crbl_runtime.errors import CRBLError, UnavailableError


class CommandFailedError(CRBLError):
    """A command that has said itself why it failed; its exit code is this error's."""

    def __init__(self, name: str, exit_code: int) -> None:
        # A program that a signal has ended has a negative one; shells show 128 and the signal.
        self.exit_code = exit_code if exit_code > 0 else 128 - exit_code
        super().__init__(f"{name} ended with exit code {self.exit_code}; its message is above.")


def run_public_command(name: str, *arguments: str | Path, folder: Path) -> None:
    """Show a command line and run it in `folder`, its output on the terminal.

    Raises:
        CommandFailedError: it ended with another exit code than 0. UnavailableError: it is not installed.
    """
    _run(name, arguments, folder, stdout=None)


def output_of_public_command(name: str, *arguments: str | Path, folder: Path) -> str:
    """Show a command line, run it in `folder` and return what it prints.

    Raises:
        CommandFailedError: it ended with another exit code than 0. UnavailableError: it is not installed.
    """
    return _run(name, arguments, folder, stdout=subprocess.PIPE)


def _run(name: str, arguments: Sequence[str | Path], folder: Path, stdout: int | None) -> str:
    words = [str(argument) for argument in arguments]
    click.secho(f"\n$ {name} {' '.join(words)}", bold=True)
    result = subprocess.run([_executable(name), *words], cwd=folder, stdout=stdout, text=True, encoding="utf-8")
    if result.returncode != 0:
        raise CommandFailedError(name, result.returncode)
    return result.stdout or ""


def _executable(name: str) -> str:
    # The commands of this environment, whether or not it is activated.
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        raise UnavailableError(f"The command {name} is not installed. Run: python setup_directml.py install")
    return found
