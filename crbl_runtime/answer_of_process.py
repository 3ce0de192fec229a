"""What another Python process found out, however it ends: the first use of a broken driver may end a process."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from crbl_runtime.errors import UnavailableError

# Before the answer, one line of JSON, which what a driver prints may surround.
ANSWER = "crbl: "


class NoAnswerError(Exception):
    """The process ended with another code than 0, or without an answer; `code` is its exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit code {code}")
        self.code = code


def another_process_can_be_asked() -> bool:
    """Whether this program is a Python, which can be run again. An application that was packed, or that has a Python
    in it, would run itself."""
    executable = Path(sys.executable or "")
    named_python = executable.stem.lower().startswith(("python", "pypy", "graalpy"))
    return named_python and executable.is_file() and not getattr(sys, "frozen", False)


def answer_of_program(module: ModuleType, otherwise: Callable[[], Any], seconds: float) -> Any:
    """What a module prints as a program, given the words before its answer; it takes the standard library alone.

    Args:
        otherwise: gives the same in this process, where no other can be asked.

    Raises:
        subprocess.TimeoutExpired, NoAnswerError: as `answer_of_process`.
    """
    if not another_process_can_be_asked():
        return otherwise()
    # By its path: it needs no package, wherever this one was found. -I: its neighbours are no modules of Python.
    return answer_of_process("-I", str(module.__file__), ANSWER, seconds=seconds)


def answer_of_process(*arguments: str, seconds: float) -> Any:
    """Run this Python with these arguments; the last answer that it printed, as JSON types.

    Raises:
        UnavailableError: there is no Python to run. See `another_process_can_be_asked`.
        subprocess.TimeoutExpired: it did not end within so many seconds. NoAnswerError: it ended without an answer.
    """
    if not another_process_can_be_asked():
        raise UnavailableError(
            f"This application ({sys.executable or 'unknown'}) has no Python of its own to try that in."
        )
    ended = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        # Drivers write in the system's code page. What of it is not UTF-8 is of no use here, nor an error.
        encoding="utf-8",
        errors="replace",
        timeout=seconds,
        stdin=subprocess.DEVNULL,
    )
    answers = [line.removeprefix(ANSWER) for line in ended.stdout.splitlines() if line.startswith(ANSWER)]
    if ended.returncode != 0 or not answers:
        raise NoAnswerError(ended.returncode)
    return json.loads(answers[-1])
