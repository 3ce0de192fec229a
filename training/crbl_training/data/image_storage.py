"""Whether prepared images are held in memory or in a file, and how much memory they may take."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from crbl_runtime.atomic_file import remove_temporaries
from crbl_runtime.errors import OutputError, UsageError
from crbl_training.data.disk_space import spare_bytes
from crbl_training.data.free_memory import free_memory
from crbl_training.options import GIGABYTE
from crbl_training.process_group import broadcast_from_rank0, current_shard

MEGABYTE = 10**6


@dataclass(frozen=True)
class ImageStorage:
    """How much memory prepared images may take, and where they go beyond that.

    Attributes:
        folder: where files of prepared images lie; whatever is in it may be deleted between runs. None: there is no
            place for them.
        budget: bytes that all sets together may take. stated_as: the budget as a user knows it.
        held: bytes that sets take already.
    """

    folder: Path | None
    budget: int
    stated_as: str
    held: int = 0

    def has_room(self, size: int) -> bool:
        """Whether a set of so many bytes may be held in memory."""
        return self.held + size <= self.budget

    def beside(self, size: int) -> "ImageStorage":
        """What is left beside one more set of so many bytes."""
        return replace(self, held=self.held + size)

    def reason(self, size: int) -> str:
        """Why a set of so many bytes is not held in memory, as the rest of a sentence."""
        held = f"with {self.held / MEGABYTE:,.0f} MB of other images " if self.held else ""
        return f"{size / MEGABYTE:,.0f} MB are {held}more than {self.stated_as}"


def image_storage(folder: Path | None, budget: int | None) -> ImageStorage:
    """The storage with a budget in bytes; None for half of the memory that is free now.

    In a group of processes each of this machine's gets its share of that half, and rank 0 decides for all.

    Raises:
        UnavailableError: see `free_memory`.
    """
    if budget is not None:
        return ImageStorage(folder, budget, f"--memory-budget {budget / GIGABYTE:g} GB")
    half = torch.tensor(free_memory() // 2 // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    broadcast_from_rank0([half])
    share = int(half)
    return ImageStorage(folder, share, f"half of the free memory, {share / GIGABYTE:.1f} GB (--memory-budget)")


def file_for(storage: ImageStorage, name: str, size: int) -> Path | None:
    """The file that a set of so many bytes goes to; None where it may be held in memory.

    What a killed process left of such a file is removed.

    Raises:
        UsageError: it cannot be held in memory, and there is no place for files.
    """
    file = storage.folder / f"{name}.zip" if storage.folder is not None else None
    if file is not None and current_shard().rank == 0:
        remove_temporaries(file)
    if storage.has_room(size):
        return None
    if file is None:
        raise UsageError(
            f"The {name} images cannot be held in memory: {storage.reason(size)}. "
            "Name a folder by --out, where they are kept in a file, or give a larger --memory-budget."
        )
    return file


def require_space(path: Path, size: int, storage: ImageStorage) -> None:
    """Raise OutputError if the disk has not so many bytes to spare for the file."""
    spare = spare_bytes(path.parent)
    if size > spare:
        raise OutputError(
            f"{path} cannot be written: {size / MEGABYTE:,.0f} MB are needed, and the disk has "
            f"{spare / MEGABYTE:,.0f} MB to spare. Make room, name another --out, or give a --memory-budget of more "
            f"than {(storage.held + size) / GIGABYTE:.2g} GB, which holds the images in memory."
        )
