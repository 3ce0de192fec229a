"""Programs that Python does not bring, for the tests alone.

Where something is missing a test is skipped and says what; in CI, where nothing may be missing, it fails.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest


def program(*names: str) -> str:
    """The path of the first of these programs that is installed."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        absent(f"{' or '.join(names)} is not installed")
    return found


def chromium() -> str:
    """The path of a Chromium."""
    return program("chromium", "chromium-browser", "google-chrome")


def fetch(command: list[str | Path], cwd: str | Path | None = None) -> None:
    """Run a command that fetches what a test needs."""
    result = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True)
    if result.returncode != 0:
        absent(f"{Path(command[0]).name} could not fetch what is needed: {(result.stderr or result.stdout)[-500:]}")


def absent(reason: str) -> NoReturn:
    """Skip the test, or fail it in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
