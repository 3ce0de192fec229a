"""What is made once for all processes that test: the first one makes it, the others wait."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock


@dataclass(frozen=True)
class MadeOnce:
    """Folders that all processes share, by name, below `root`."""

    root: Path

    def folder(self, name: str, fill: Callable[[Path], None]) -> Path:
        """The folder of this name; `fill` is given it, empty, by the first process that asks for it."""
        folder, complete = self.root / name, self.root / f"{name}.complete"
        self.root.mkdir(parents=True, exist_ok=True)
        with FileLock(self.root / f"{name}.lock"):
            if not complete.exists():
                shutil.rmtree(folder, ignore_errors=True)  # What a process left that failed.
                folder.mkdir()
                fill(folder)
                complete.touch()
        return folder
