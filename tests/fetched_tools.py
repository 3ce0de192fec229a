"""What tests fetch from npm and Debian, kept in the user's cache."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foreign_programs import fetch, program

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "crbl-tests"


def npm_package(name: str, version: str) -> Path:
    """A folder node_modules with the package, whose own scripts are not run: they would download more."""
    npm = program("npm")
    cached = CACHE / f"{name.rpartition('/')[2]}-{version}"
    if not cached.is_dir():
        with new_folder(cached) as folder:
            fetch([npm, "install", "--ignore-scripts", "--prefix", folder, f"{name}@{version}"])
    return cached / "node_modules"


def locked_packages(project: Path) -> Path:
    """A folder node_modules with the packages that the lock file of a project names."""
    npm = program("npm")
    lock = (project / "package-lock.json").read_bytes()
    cached = CACHE / f"{project.name}-{hashlib.sha256(lock).hexdigest()[:16]}"
    if not cached.is_dir():
        with new_folder(cached) as folder:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(project / name, folder)
            fetch([npm, "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"], cwd=folder)
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
