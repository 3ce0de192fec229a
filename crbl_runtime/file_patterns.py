"""Patterns such as *.png among a command's arguments, which the shells of Windows leave to the program."""

import os
from collections.abc import Iterable
from glob import glob


def with_patterns_expanded(arguments: Iterable[str]) -> list[str]:
    """The arguments with each pattern replaced by what it matches, in order; on other systems as they are.

    What exists under its very name is no pattern: a[1].png may lie beside a1.png. What matches nothing stays, so that
    it is missed under the name that was given.
    """
    if os.name != "nt":
        return list(arguments)
    return [name for argument in arguments for name in _matches(argument)]


def _matches(argument: str) -> list[str]:
    if os.path.lexists(argument):
        return [argument]
    return sorted(glob(argument, recursive=True)) or [argument]  # noqa: PTH207 - a pattern may begin with a drive
