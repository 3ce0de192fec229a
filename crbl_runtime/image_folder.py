"""Which files of a folder are images, and what else is in it."""

import errno
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from crbl_runtime.errors import DataError
from crbl_runtime.hidden_names import is_hidden
from crbl_runtime.left_out import COUNTED_HIDDEN, LeftOut, Reason

IMAGE_SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jif", ".jfif", ".jfi", ".mpo"),
        *(".png", ".apng"),
        *(".bmp", ".dib"),
        *(".tif", ".tiff"),
        ".webp",
        ".gif",
        *(".ppm", ".pgm", ".pbm", ".pnm"),
        *(".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
        *(".avif", ".avifs"),
        *(".heic", ".heif", ".hif"),
    )
)
"""What the names of files end in, in lower case, whose formats are read. Not .pfm: its values have no agreed range."""

# The tag of a junction or a mounted drive (Windows SDK, winnt.h). `os.DirEntry.is_junction` needs Python 3.12.
MOUNT_POINT_TAG = 0xA0000003


@dataclass(frozen=True)
class FolderContent:
    """The images of a folder, sorted by path, and what else is in it."""

    images: tuple[Path, ...]
    left_out: LeftOut


def find_images(folder: Path, passing_over: Collection[Path] = (), *, recursive: bool = True) -> FolderContent:
    """All image files in a folder and below, told by their suffix, and all that is not taken.

    Not taken are files of other suffixes, hidden files and folders (`hidden_names`), folders that are linked to, links
    to nothing, and pipes, sockets and devices. Only what lies in `folder` counts, whatever its own name is.

    Args:
        passing_over: folders in it that are neither searched nor named as left out.
        recursive: False passes over all folders in it.

    Raises:
        DataError: there is no such folder, it cannot be read, or no image is in it.
    """
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}. Name a folder with images in it.")
    content = search(folder, passing_over, recursive=recursive)
    if not content.images:
        expected = f"Expected files ending in {' '.join(sorted(IMAGE_SUFFIXES))}."
        left_out = f" Left out: {content.left_out.what}." if content.left_out else ""
        unsearched = "" if recursive else " Folders in it were not searched."
        raise DataError(f"{folder} holds no images. {expected}{left_out}{unsearched}")
    return content


def search(folder: Path, passing_over: Collection[Path] = (), *, recursive: bool = True) -> FolderContent:
    """As `find_images`, for a folder that may hold no images.

    Raises:
        DataError: the folder cannot be read.
    """
    images: list[Path] = []
    left_out: list[tuple[Reason, Path]] = []
    unsearched = [folder]
    while unsearched:
        parent = unsearched.pop()
        try:
            entries = _entries(parent)
        except OSError as error:
            if parent == folder:
                raise DataError(f"{folder} cannot be read ({error}). Change its permissions or its owner.") from error
            left_out.append((Reason.UNREADABLE, parent.relative_to(folder)))
            continue
        for entry in entries:
            path = parent / entry.name
            if path in passing_over:
                continue
            reason = _reason(entry)
            if reason is not None:
                left_out.append((reason, path.relative_to(folder)))
            elif not entry.is_dir():
                images.append(path)
            elif recursive:
                unsearched.append(path)
    hidden = [folder / path for reason, path in left_out if reason == Reason.HIDDEN_FOLDER]
    return FolderContent(tuple(sorted(images)), LeftOut(folder, tuple(sorted(left_out)), _count_files(hidden)))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return list(entries)


def _reason(entry: os.DirEntry[str]) -> Reason | None:
    """Why an entry is not taken; None for an image and for a folder to be searched."""
    try:
        if is_hidden(entry):
            return Reason.HIDDEN_FOLDER if entry.is_dir(follow_symlinks=False) else Reason.HIDDEN_FILE
        if entry.is_dir():
            return Reason.LINKED_FOLDER if _is_link(entry) else None
        if entry.is_file():
            return None if Path(entry.name).suffix.lower() in IMAGE_SUFFIXES else Reason.OTHER_FILE
        return Reason.SPECIAL_FILE if Path(entry.path).exists() else Reason.BROKEN_LINK
    except OSError as error:
        # A link that leads to itself, or through a file.
        return Reason.BROKEN_LINK if error.errno in (errno.ELOOP, errno.ENOTDIR) else Reason.UNREADABLE


def _is_link(entry: os.DirEntry[str]) -> bool:
    tag = getattr(entry.stat(follow_symlinks=False), "st_reparse_tag", 0)
    return entry.is_symlink() or tag == MOUNT_POINT_TAG


def _count_files(folders: Sequence[Path]) -> int:
    """How many files are in folders and below, up to COUNTED_HIDDEN; what cannot be read counts for nothing."""
    names = (name for folder in folders for _, _, names in os.walk(folder) for name in names)
    return sum(1 for _ in islice(names, COUNTED_HIDDEN))
