"""What files are called that are written for each image: by where the image lies, so that no two are the same."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

# Of the 255 bytes that Linux allows, less those that `atomic_file` adds to a temporary name.
LONGEST_NAME = 255 - 18
HASH_DIGITS = 16


@dataclass(frozen=True)
class ResultNames:
    """Keeps the folders below the deepest one that holds all that was named.

    Attributes:
        shared: the parts of that folder's absolute path; none where Windows has it on several drives.
    """

    shared: tuple[str, ...]

    @classmethod
    def below(cls, roots: Iterable[Path]) -> "ResultNames":
        """Args: roots: the folders that were named, and those of the images that were named; at least one."""
        return cls(_shared_start([_absolute(root).parts for root in roots]))

    def name(self, image: Path, ending: str = "") -> Path:
        """The image's path below the shared folder, and the ending; where none is shared, with its drive in front.

        A name that leaves the file system no room for the ending, or for the temporary name of a file that is being
        written, is cut short, and has the hash of the whole name in place of the rest.
        """
        first, *others = _absolute(image).parts[len(self.shared) :]
        if not self.shared:
            # What a drive is called, C: or a server with its share, has characters that no folder may have.
            first = re.sub(r"[\\/:?]+", "_", first).strip("_")
        path = Path(first, *others)
        return path.with_name(_fitting(path, ending))


def _fitting(path: Path, ending: str) -> str:
    if _bytes(path.name + ending) <= LONGEST_NAME:
        return path.name + ending
    kept = path.stem
    rest = f"~{sha256(os.fsencode(path.name)).hexdigest()[:HASH_DIGITS]}{path.suffix}{ending}"
    while kept and _bytes(kept + rest) > LONGEST_NAME:
        kept = kept[:-1]
    return kept + rest


def _bytes(name: str) -> int:
    return len(os.fsencode(name))


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute keeps the dots of a/../b


def _shared_start(paths: list[tuple[str, ...]]) -> tuple[str, ...]:
    # What the first and the last of sorted sequences share, all between them share too.
    first, last = min(paths), max(paths)
    number = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:number]
