"""A table of labelled images, as spreadsheets, pandas and people write it."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from crbl_runtime.counted import counted
from crbl_runtime.errors import DataError
from crbl_training.data.class_words import CLASS_WORDS
from crbl_training.data.dataset_format import DatasetFormat
from crbl_training.data.listed_files import ListedFile, NoFile, find_listed_files, names_in, same_name
from crbl_training.data.split_words import SPLIT_WORDS
from crbl_training.data.table_columns import IMAGE_COLUMNS, LABEL_COLUMNS, find_columns, is_column
from crbl_training.data.table_kinds import read_kinds
from crbl_training.data.table_labels import read_labels
from crbl_training.data.table_text import Row, TableText, read_table_text

KNOWN_WORDS = {*chain(*CLASS_WORDS), *IMAGE_COLUMNS.others, *LABEL_COLUMNS.others}
SHOWN = 5


@dataclass(frozen=True)
class TableImage:
    """An image that a table names.

    Attributes:
        path: where it is. label: 0 normal, 1 anomaly. split: "train", "validation", "test", or empty.
        kind: of anomaly; empty for normal and unknown.
        written: its path as the table has it. line: in the table, from 1.
    """

    path: Path
    label: int
    split: str
    kind: str
    written: str
    line: int


def read_table(
    table: Path, image_folder: Path, dataset_format: DatasetFormat
) -> tuple[tuple[TableImage, ...], tuple[str, ...]]:
    """The images of a table, each once, and what was guessed or left out to read them, as texts.

    Args:
        image_folder: what relative paths are relative to, and where paths of another machine are looked for.

    Raises:
        DataError: naming the table, the line and the remedy. UsageError: it has no column that the user named.
    """
    text = read_table_text(
        table, lambda name: is_column(name, dataset_format), lambda: names_in(image_folder) | KNOWN_WORDS
    )
    columns = find_columns(table, text, dataset_format)
    labels = read_labels(table, text.rows, columns.label, text.header[columns.label], dataset_format)
    kind_column = text.header[columns.kind] if columns.kind is not None else ""
    kinds = read_kinds(text.rows, labels.labels, columns.label, columns.kind, kind_column)
    splits = _read_splits(table, text.rows, columns.split)
    written = [row.cells[columns.image].strip('"') for row in text.rows]
    files = _require_files(table, text, written, find_listed_files(image_folder, written))
    images = [
        TableImage(file.path, label, split, kind, name, row.line)
        for file, label, split, kind, name, row in zip(
            files, labels.labels, splits, kinds.kinds, written, text.rows, strict=True
        )
    ]
    once = _without_repetitions(table, images)
    guessed = (text.reading(), columns.guessed, *labels.guessed, *kinds.told)
    notes = (*guessed, *_told(files), *_left_out(text, len(images) - len(once)))
    return once, tuple(note for note in notes if note)


def _read_splits(table: Path, rows: Sequence[Row], place: int | None) -> list[str]:
    written = [row.cells[place].casefold() if place is not None else "" for row in rows]
    for row, word in zip(rows, written, strict=True):
        if word and word not in SPLIT_WORDS:
            raise DataError(f"{table}, line {row.line}: the split is {word!r}, expected train, validation or test.")
        if bool(word) != bool(written[0]):
            raise DataError(f"{table}, line {row.line}: the split is given in some lines only. Fill in all, or none.")
    return [SPLIT_WORDS.get(word, "") for word in written]


def _require_files(
    table: Path, text: TableText, written: Sequence[str], found: Sequence[ListedFile | NoFile]
) -> list[ListedFile]:
    missing = [
        f"line {row.line}: {name or 'no path'}" + (f", {file.reason}" if file.reason else "")
        for row, name, file in zip(text.rows, written, found, strict=True)
        if isinstance(file, NoFile)
    ]
    if missing:
        shown = "; ".join(missing[:SHOWN]) + (f"; and {len(missing) - SHOWN} more" if len(missing) > SHOWN else "")
        how = f" The table was {text.reading()}." if text.reading() else ""
        raise DataError(
            f"{table}: there is no file for {len(missing)} of {counted(len(found), 'image')} ({shown}).{how} "
            "Paths are relative to the table's folder, or to --images if given."
        )
    return [file for file in found if isinstance(file, ListedFile)]


def _without_repetitions(table: Path, images: Iterable[TableImage]) -> tuple[TableImage, ...]:
    """Each image once.

    Raises:
        DataError: an image has two labels or is in two splits, or two different paths lead to one image.
    """
    first: dict[str, TableImage] = {}
    conflicts = []
    for image in images:
        other = first.setdefault(os.path.normcase(os.path.realpath(image.path)), image)
        lines = f"lines {other.line} and {image.line}"
        if other.label != image.label:
            was, becomes = (f"{('normal', 'anomaly')[one.label]} in line {one.line}" for one in (other, image))
            conflicts.append(f"{image.written} is {was} and {becomes}")
        elif other.split != image.split:
            conflicts.append(f"{image.written} is in the splits {other.split} and {image.split} ({lines})")
        elif other.line != image.line and not same_name(other.written, image.written):
            conflicts.append(f"{other.written} and {image.written} ({lines}) are both {image.path}")
    if conflicts:
        more = f"; and {len(conflicts) - SHOWN} more" if len(conflicts) > SHOWN else ""
        raise DataError(f"{table} contradicts itself: {'; '.join(conflicts[:SHOWN])}{more}. Correct the table.")
    return tuple(first.values())


def _told(files: Sequence[ListedFile]) -> list[str]:
    """What had to be done to find the files, as texts."""
    told = []
    backslashes = sum(file.backslashes for file in files)
    if backslashes:
        told.append(f"{counted(backslashes, 'path')} with \\ for /")
    tails = Counter(file.tail for file in files if file.tail)
    if tails:
        fewest, most = min(tails), max(tails)
        parts = f"{fewest} to {most} parts" if fewest < most else "part" if most == 1 else f"{most} parts"
        told.append(f"{counted(tails.total(), 'path')} found by the last {parts}")
    respelled = sum(file.respelled for file in files)
    if respelled:
        told.append(f"{counted(respelled, 'path')} found in other letter case or Unicode form")
    return told


def _left_out(text: TableText, repeated: int) -> list[str]:
    told = []
    if text.empty_rows:
        told.append(f"{counted(text.empty_rows, 'empty row')} left out")
    if repeated:
        told.append(f"{counted(repeated, 'repeated row')} left out")
    return told
