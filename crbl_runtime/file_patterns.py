"""Patterns such as *.png among a command's arguments, which the shells of Windows leave to the program."""

import os
from collections.abc import Iterable
from glob import glob
from pathlib import Path


def with_patterns_expanded(arguments: Iterable[str]) -> list[str]:
    """The arguments with each pattern replaced by what it matches, in order; on other systems as they are."""
    if os.name != "nt":
        return list(arguments)
    return [name for argument in arguments for name in matches(argument)]


def matches(argument: str) -> list[str]:
    """What a pattern (`*`, `?`, `[...]`; `**` for any folders) matches, sorted.

    What exists under its very name is no pattern: a[1].png may lie beside a1.png. What matches nothing stays, so that
    it is missed under the name that was given. Of what `**` matches only the files count, if there are any: its folders
    hold the same files once more.
    """
    if os.path.lexists(argument):
        return [argument]
    found = sorted(glob(argument, recursive=True))  # noqa: PTH207 - a pattern may begin with a drive
    if "**" in argument:
        found = [name for name in found if Path(name).is_file()] or found
    return found or [argument]
