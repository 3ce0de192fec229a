"""Which kind of anomaly a table says each image shows."""

from collections.abc import Sequence
from dataclasses import dataclass

from crbl_training.data.class_words import BOOLEANS, word_key
from crbl_training.data.folder_words import kind_of
from crbl_training.data.table_columns import KIND_COLUMNS
from crbl_training.data.table_text import Row

NO_KIND = frozenset(("", "none", "na", "n/a", "nan", "null", "없음"))


@dataclass(frozen=True)
class TableKinds:
    """A kind for each row, empty for normal and unknown; and what was guessed or not read, as texts."""

    kinds: tuple[str, ...]
    told: tuple[str, ...]


def read_kinds(
    rows: Sequence[Row], labels: Sequence[int], label_place: int, kind_place: int | None, column: str
) -> TableKinds:
    """Read the kinds in a column, or, where there is none, from labels that are no word for a class (scratch).

    Args:
        labels: of the rows, 0 or 1. label_place, kind_place: which cell of a row is the label, and which the kind.
        column: the name of the column of kinds.
    """
    if kind_place is not None:
        kinds = [_kind(row.cells[kind_place]) for row in rows]
        of_normal = next(
            (row.line for row, label, kind in zip(rows, labels, kinds, strict=True) if kind and not label), 0
        )
        if not of_normal:
            guessed = any(kinds) and not KIND_COLUMNS.documents(column)
            return TableKinds(tuple(kinds), (f"kinds of anomaly in column {column}",) if guessed else ())
        told = (f"column {column} not read as kinds of anomaly, as line {of_normal} is normal and has one",)
        return TableKinds(("",) * len(rows), told)
    kinds = [_kind(row.cells[label_place]) if label else "" for row, label in zip(rows, labels, strict=True)]
    return TableKinds(tuple(kinds), ())


def _kind(cell: str) -> str:
    return "" if word_key(cell) in {*NO_KIND, *BOOLEANS} or not any(map(str.isalpha, cell)) else kind_of(cell)
