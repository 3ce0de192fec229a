"""Tables for people and programs, as CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from crbl_runtime.atomic_file import write_text


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a header line and one line for each row to `path` atomically: UTF-8, commas, line ends of one character."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([header, *rows])
    write_text(path, buffer.getvalue())
