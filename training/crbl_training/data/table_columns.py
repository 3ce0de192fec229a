"""Which column of a table holds the images' paths, which their labels and which their split."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crbl_runtime.errors import DataError, UsageError
from crbl_runtime.image_folder import IMAGE_SUFFIXES
from crbl_training.data.class_words import BOOLEANS, class_of, word_key
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
KIND_COLUMNS = KnownColumns(
    ("kind",),
    (
        *("defect_type", "defect_kind", "defect_class", "defect_name", "anomaly_type", "anomaly_kind", "anomaly_class"),
        *("fault_type", "failure_type"),
        *("불량유형", "결함유형", "불량종류", "결함종류", "불량명", "결함명"),
    ),
    "",
)
# What may be a label (0, 1) or a kind (scratch): a kind where there is a label by a documented name, too.
LABEL_OR_KIND = KnownColumns((), ("defect", "defects", "anomaly", "불량", "결함"), "")


@dataclass(frozen=True)
class Columns:
    """The places of the columns in a row, from 0; split and kind are None where there is none.

    Attributes:
        guessed: which columns were taken, as text, where their names are not the documented ones; else empty.
    """

    image: int
    label: int
    split: int | None
    kind: int | None
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
    kind = _kind_column(table, dataset_format.label_column)
    label = _column(path, table, LABEL_COLUMNS, dataset_format.label_column, kind)
    splits = _filled(table, [place for place, name in enumerate(table.header) if SPLIT_COLUMNS.has(name)])
    if len(splits) > 1:
        raise DataError(f"{path} has several columns named {table.header[splits[0]]!r}. Rename all but one.")
    guessed = (dataset_format.image_column is None and not IMAGE_COLUMNS.documents(table.header[image])) or (
        dataset_format.label_column is None and not LABEL_COLUMNS.documents(table.header[label])
    )
    names = f"columns {table.header[image]} and {table.header[label]}" if guessed else ""
    return Columns(image, label, splits[0] if splits else None, kind, names)


def _kind_column(table: TableText, named_label: str | None) -> int | None:
    """The column of kinds, if one can be nothing else."""
    places = [place for place, name in enumerate(table.header) if KIND_COLUMNS.has(name)]
    if not places and any(LABEL_COLUMNS.documents(name) for name in table.header):
        places = [
            place
            for place, name in enumerate(table.header)
            if LABEL_OR_KIND.has(name) and any(_is_no_label(cell) for cell in _cells(table.rows, place))
        ]
    others = [place for place in _filled(table, places) if named_label is None or not _is(table, place, named_label)]
    return others[0] if len({_cells(table.rows, place) for place in others}) == 1 else None


def _is_no_label(cell: str) -> bool:
    return bool(cell) and class_of(cell) is None and word_key(cell) not in BOOLEANS


def _is(table: TableText, place: int, name: str) -> bool:
    return _key(table.header[place]) == _key(name)


def _column(path: Path, table: TableText, known: KnownColumns, named: str | None, taken: int | None = None) -> int:
    shown = ", ".join(name for name in table.header if name)
    if named is not None:
        places = [place for place in range(len(table.header)) if _is(table, place, named)]
        if not places:
            raise UsageError(f"{known.option} is {named}, but {path} has the columns {shown}. Name one of them.")
    else:
        having = [place for place, name in enumerate(table.header) if known.has(name) and place != taken]
        places = _filled(table, having)
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
