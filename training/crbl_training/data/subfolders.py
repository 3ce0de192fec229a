"""The folders in a folder of images, and how they are compared and listed."""

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from crbl_runtime.errors import DataError
from crbl_runtime.hidden_names import is_hidden
from crbl_runtime.image_folder import search

SHOWN = 5


def subfolders(folder: Path) -> list[str]:
    """The names of the folders in a folder, sorted, without hidden ones.

    Raises:
        DataError: the folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir() and not is_hidden(entry))
    except OSError as error:
        raise DataError(f"{folder} cannot be read ({error}). Change its permissions or its owner.") from error


def holds_images(folder: Path) -> bool:
    """Whether there are images in a folder or below."""
    return bool(search(folder).images)


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def same_folder(name: str) -> str:
    """What two names of folders share that differ in letter case or Unicode's normal form alone."""
    return unicodedata.normalize("NFC", name).casefold()
