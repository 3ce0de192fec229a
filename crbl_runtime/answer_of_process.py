"""What another Python process found out, however it ends: the first use of a broken driver may end a process."""

import json
import subprocess
import sys
from typing import Any

# Before the answer, one line of JSON, which what a driver prints may surround.
ANSWER = "crbl: "


class NoAnswerError(Exception):
    """The process ended with another code than 0, or without an answer; `code` is its exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit code {code}")
        self.code = code


def answer_of_process(*arguments: str, seconds: float) -> Any:
    """Run this Python with these arguments; the last answer that it printed, as JSON types.

    Raises:
        subprocess.TimeoutExpired: it did not end within so many seconds. NoAnswerError: it ended without an answer.
    """
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
