"""Tools that tests fetch from npm and Debian, and keep in the user's cache.

Where something is missing a test is skipped and says what; in CI, where nothing may be missing, it fails.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "crbl-tests"


def npm_package(name: str, version: str) -> Path:
    """A folder node_modules with the package, whose own scripts are not run: they would download more."""
    npm = program("npm")
    cached = CACHE / f"{name.rpartition('/')[2]}-{version}"
    if not cached.is_dir():
        with new_folder(cached) as folder:
            run([npm, "install", "--ignore-scripts", "--prefix", folder, f"{name}@{version}"])
    return cached / "node_modules"


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder that gets its name when all is in it; where another process was quicker, its folder stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, ignore_cleanup_errors=True) as work:
        folder = Path(work) / path.name
        folder.mkdir()
        yield folder
        if not path.exists():
            folder.rename(path)


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        absent(f"{name} is not installed")
    return found


def run(command: list[str | Path], cwd: str | None = None) -> None:
    result = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True)
    if result.returncode != 0:
        absent(f"{Path(command[0]).name} could not fetch what is needed: {(result.stderr or result.stdout)[-500:]}")


def absent(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
