"""What of a folder is not taken as images, counted and named."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from crbl_runtime.counted import counted
from crbl_runtime.standard_streams import printable

COUNTED_HIDDEN = 10_000
"""Where counting the files in hidden folders stops: the snapshots on a file server hold years of them."""

SHOWN_NAMES = 3
SHOWN_SUFFIXES = 12


class Reason(StrEnum):
    """Why something in a folder is not taken. The value is its key in JSON."""

    OTHER_FILE = "other_files"
    """Its suffix is of no image format that is read."""
    HIDDEN_FILE = "hidden_files"
    HIDDEN_FOLDER = "hidden_folders"
    """A folder that is hidden or that a system keeps for itself."""
    LINKED_FOLDER = "linked_folders"
    BROKEN_LINK = "broken_links"
    UNREADABLE = "unreadable"
    SPECIAL_FILE = "special_files"
    """A pipe, a socket or a device: opening it may wait without end."""
    OUTSIDE = "images_in_no_class_folder"
    """An image beside the class folders of training data."""


NOUNS = {
    Reason.OUTSIDE: ("image in no class folder", "images in no class folder"),
    Reason.HIDDEN_FILE: ("hidden file", "hidden files"),
    Reason.HIDDEN_FOLDER: ("hidden or system folder", "hidden or system folders"),
    Reason.LINKED_FOLDER: ("linked folder, which is not followed", "linked folders, which are not followed"),
    Reason.BROKEN_LINK: ("broken link", "broken links"),
    Reason.UNREADABLE: ("file or folder that cannot be read", "files or folders that cannot be read"),
    Reason.SPECIAL_FILE: ("special file (pipe, socket or device)", "special files (pipes, sockets or devices)"),
}


@dataclass(frozen=True)
class LeftOut:
    """What of a folder, and of those in it, is not taken. It is true where there is any.

    Attributes:
        folder: the one that was searched.
        entries: what is not taken, each with its reason, sorted; paths are below `folder`.
        files_in_hidden_folders: how many files the hidden folders hold, of all kinds; counted up to COUNTED_HIDDEN.
    """

    folder: Path
    entries: tuple[tuple[Reason, Path], ...]
    files_in_hidden_folders: int

    def __bool__(self) -> bool:
        return bool(self.entries)

    def __str__(self) -> str:
        """One line that names the folder and all that was left out, whatever characters the names have."""
        return printable(f"Left out of {self.folder}: {self.what}")

    @property
    def what(self) -> str:
        """What was left out, in words: "3 .txt, 1 without suffix, 1 broken link (a.png)"; empty where nothing was."""
        suffixes = _suffix_clauses(self._suffixes())
        return ", ".join([*suffixes, *(self._clause(reason) for reason in NOUNS if self._paths(reason))])

    def to_dict(self) -> dict[str, Any]:
        """The counts as JSON types."""
        counts = {str(reason): len(self._paths(reason)) for reason in Reason if reason != Reason.OTHER_FILE}
        return {
            "folder": str(self.folder),
            "other_files_by_suffix": dict(self._suffixes()),
            **counts,
            "files_in_hidden_folders": self.files_in_hidden_folders,
        }

    def _paths(self, reason: Reason) -> list[Path]:
        return [path for found, path in self.entries if found == reason]

    def _suffixes(self) -> list[tuple[str, int]]:
        """Suffixes in lower case, "" for none, with how many files have them: the most frequent first."""
        counts = Counter(path.suffix.lower() for path in self._paths(Reason.OTHER_FILE))
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))

    def _clause(self, reason: Reason) -> str:
        paths = self._paths(reason)
        names = ", ".join(str(path) for path in paths[:SHOWN_NAMES]) + (", …" if len(paths) > SHOWN_NAMES else "")
        what = counted(len(paths), *NOUNS[reason])
        if reason == Reason.HIDDEN_FOLDER:
            at_least = "at least " if self.files_in_hidden_folders == COUNTED_HIDDEN else ""
            what += f" with {at_least}{counted(self.files_in_hidden_folders, 'file')}"
        return f"{what} ({names})"


def left_out_lines(found: Iterable[LeftOut]) -> list[str]:
    """A line for each folder of which anything was left out."""
    return [str(left_out) for left_out in found if left_out]


def left_out_as_json(found: Iterable[LeftOut]) -> list[dict[str, Any]]:
    """The same as JSON types."""
    return [left_out.to_dict() for left_out in found if left_out]


def _suffix_clauses(suffixes: list[tuple[str, int]]) -> list[str]:
    clauses = [f"{count} {suffix or 'without suffix'}" for suffix, count in suffixes[:SHOWN_SUFFIXES]]
    others = suffixes[SHOWN_SUFFIXES:]
    if others:
        number = sum(count for _, count in others)
        clauses.append(f"{number} with {counted(len(others), 'other suffix', 'other suffixes')}")
    return clauses
