"""Tables for people and programs, as CSV."""

import csv
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from crbl_runtime.atomic_file import replacing, write_bytes

# What spreadsheet programs need to take a file for UTF-8 is a byte order mark.
ENCODING = "utf-8-sig"
# A cell that begins so is a formula to them, and is run.
FORMULA_STARTS = ("=", "+", "-", "@")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a header line and one line for each row to `path` atomically: UTF-8 with a byte order mark, commas.

    A line ends with one character, a cell that has line ends of its own is quoted. Paths are written by `path_text`.

    Raises:
        OutputError: see `replacing`.
    """
    lines = "".join(f"{_line(row)}\n" for row in [header, *rows])
    write_bytes(path, lines.encode(ENCODING, "backslashreplace"))


@contextmanager
def csv_as_it_grows(path: Path, header: Sequence[str]) -> Iterator[Callable[[Sequence[object]], None]]:
    """Give a function that writes one row, as `write_csv` does; after the block the file is put in place atomically.

    So it is where the block raises: what was written until then is kept, and the error goes on. A file that was there
    stays where no row was written, or one could not be.

    Raises:
        OutputError: see `replacing`.
    """
    stopped: BaseException | None = None
    unwritable: OSError | None = None
    rows = 0
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding=ENCODING, errors="backslashreplace", newline="") as file,
    ):

        def write_row(row: Sequence[object]) -> None:
            nonlocal rows, unwritable
            try:
                file.write(f"{_line(row)}\n")
            except OSError as error:
                unwritable = error
                raise
            rows += 1

        file.write(f"{_line(header)}\n")
        try:
            yield write_row
        except BaseException as error:
            if not rows or error is unwritable:
                raise
            stopped = error
    if stopped is not None:
        raise stopped


def path_text(path: Path) -> str:
    r"""A path as a table holds it: itself, but for two kinds of names.

    One that would be a formula begins with `./`, which names the same file. Bytes of a name that are no UTF-8 are
    written as \udcNN, as in JSON; where a name has these very characters, its backslash is written as \u005c.
    """
    text = re.sub(r"\\(?=u(?:d[89a-f][0-9a-f]{2}|005c))", r"\\u005c", str(path))
    text = text.encode("utf-8", "backslashreplace").decode()
    return f".{os.sep}{text}" if text.startswith(FORMULA_STARTS) else text


def path_from_text(text: str) -> Path:
    """The path that `path_text` has written."""
    return Path(re.sub(r"\\u(d[89a-f][0-9a-f]{2}|005c)", lambda match: chr(int(match[1], 16)), text))


def harmless(text: str) -> str:
    """A sentence as a table holds it: with a space in front where it would be a formula."""
    return f" {text}" if text.startswith(FORMULA_STARTS) else text


def _line(row: Sequence[object]) -> str:
    # csv quotes a cell with characters of the line end, so that it must be given both that readers take for one.
    end = "\r\n"
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator=end).writerow(
        [path_text(cell) if isinstance(cell, Path) else cell for cell in row]
    )
    return buffer.getvalue().removesuffix(end)
