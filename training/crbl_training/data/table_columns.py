"""Which column of a table holds the images' paths, which their labels and which their split."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crbl_runtime.errors import DataError, UsageError
from crbl_runtime.image_folder import IMAGE_SUFFIXES
from crbl_training.data.dataset_format import DatasetFormat
from crbl_training.data.table_text import Row, TableText


@dataclass(frozen=True)
class KnownColumns:
    """The names by which a column is known.

    Attributes:
        documented: names that need no mention. others: names that are understood, too, and mentioned.
        option: the option that names the column.
    """

    documented: tuple[str, ...]
    others: tuple[str, ...]
    option: str

    def has(self, name: str) -> bool:
        """Whether this is one of the names, in any case and with spaces or hyphens for underscores."""
        return _key(name) in map(_key, self.documented + self.others)

    def documents(self, name: str) -> bool:
        """Whether this is one of the names that need no mention."""
        return _key(name) in map(_key, self.documented)


IMAGE_COLUMNS = KnownColumns(
    ("image_path", "path"),
    (
        *("image", "image_name", "image_file", "image_filename", "img", "img_path", "img_name"),
        *("file", "file_name", "file_path", "full_path", "picture"),
        *("이미지", "이미지명", "이미지경로", "파일", "파일명", "파일이름", "파일경로", "경로"),
    ),
    "--image-column",
)
# Not is_anomaly, decision or prediction: what a model found must not become what it learns from.
LABEL_COLUMNS = KnownColumns(
    ("impurity", "label"),
    (
        *("labels", "class", "classes", "class_name", "class_id", "class_label", "category", "target"),
        *("ground_truth", "gt", "y", "anomaly", "defect", "is_defect", "defective"),
        *("verdict", "judgement", "judgment", "ok_ng"),
        *("라벨", "레이블", "클래스", "판정", "판정결과", "불량", "불량여부", "양불"),
    ),
    "--label-column",
)
SPLIT_COLUMNS = KnownColumns(("split",), (), "")


@dataclass(frozen=True)
class Columns:
    """The places of the columns in a row, from 0; split is None where there is none.

    Attributes:
        guessed: which columns were taken, as text, where their names are not the documented ones; else empty.
    """

    image: int
    label: int
    split: int | None
    guessed: str


def is_column(name: str, dataset_format: DatasetFormat) -> bool:
    """Whether a header's cell names the column of the images or of the labels."""
    named = [_key(column) for column in (dataset_format.image_column, dataset_format.label_column) if column]
    return IMAGE_COLUMNS.has(name) or LABEL_COLUMNS.has(name) or _key(name) in named


def find_columns(path: Path, table: TableText, dataset_format: DatasetFormat) -> Columns:
    """Find a table's columns.

    Raises:
        DataError: a column is not there, or several can be it. UsageError: the column that the user named is not there.
    """
    image = _column(path, table, IMAGE_COLUMNS, dataset_format.image_column)
    label = _column(path, table, LABEL_COLUMNS, dataset_format.label_column)
    splits = _filled(table, [place for place, name in enumerate(table.header) if SPLIT_COLUMNS.has(name)])
    if len(splits) > 1:
        raise DataError(f"{path} has several columns named {table.header[splits[0]]!r}. Rename all but one.")
    guessed = (dataset_format.image_column is None and not IMAGE_COLUMNS.documents(table.header[image])) or (
        dataset_format.label_column is None and not LABEL_COLUMNS.documents(table.header[label])
    )
    names = f"columns {table.header[image]} and {table.header[label]}" if guessed else ""
    return Columns(image, label, splits[0] if splits else None, names)


def _column(path: Path, table: TableText, known: KnownColumns, named: str | None) -> int:
    shown = ", ".join(name for name in table.header if name)
    if named is not None:
        places = [place for place, name in enumerate(table.header) if _key(name) == _key(named)]
        if not places:
            raise UsageError(f"{known.option} is {named}, but {path} has the columns {shown}. Name one of them.")
    else:
        places = _filled(table, [place for place, name in enumerate(table.header) if known.has(name)])
    if not places:
        if any(cell.lower().endswith(tuple(IMAGE_SUFFIXES)) for cell in table.header):
            raise DataError(f"{path} begins with an image and has no header line. Put image_path,impurity above it.")
        raise DataError(
            f"{path} has the columns {shown}, expected one named {' or '.join(known.documented)}. "
            f"Say which it is with {known.option}."
        )
    if len({_cells(table.rows, place) for place in places}) > 1:
        names = " and ".join(table.header[place] for place in places)
        raise DataError(f"{path} has the columns {names}, and they differ. Say which to take with {known.option}.")
    return places[0]


def _filled(table: TableText, places: Sequence[int]) -> list[int]:
    """The columns that hold something; all of them if none does."""
    return [place for place in places if any(_cells(table.rows, place))] or list(places)


def _cells(rows: Sequence[Row], place: int) -> tuple[str, ...]:
    return tuple(row.cells[place] for row in rows)


def _key(name: str) -> str:
    return re.sub(r"[\s_-]+", "", unicodedata.normalize("NFKC", name).casefold())
