"""The forms in which crbl-predict prints results, each one as soon as it is there."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from textwrap import indent
from typing import TypeAlias

import click

from crbl_runtime.commands.image_result import ImageResult
from crbl_runtime.commands.result_counts import ResultCounts
from crbl_runtime.commands.result_lines import result_line

Print: TypeAlias = Callable[[ImageResult], None]


@contextmanager
def table(width: int, counts: ResultCounts) -> Iterator[Print]:
    """A line for each image, paths as wide as `width`, and a summary at the end, whatever has come between."""
    from tqdm import tqdm

    def write(result: ImageResult) -> None:
        with tqdm.external_write_mode():
            click.echo(result_line(result, width))

    try:
        yield write
    finally:
        click.echo("\n".join(counts.summary_lines()))


@contextmanager
def json_array() -> Iterator[Print]:
    """One array, as json.dumps(results, indent=2) has it. It is closed at the end, whatever has come between."""
    begun = False

    def write(result: ImageResult) -> None:
        nonlocal begun
        before = ",\n" if begun else "[\n"
        begun = True
        click.echo(before + indent(json.dumps(result.to_dict(), indent=2), "  "), nl=False)

    try:
        yield write
    finally:
        click.echo("\n]" if begun else "[]")


@contextmanager
def json_lines() -> Iterator[Print]:
    """One object a line, each of them flushed: what was printed is whole, even where the process is killed."""
    yield lambda result: click.echo(json.dumps(result.to_dict()))
