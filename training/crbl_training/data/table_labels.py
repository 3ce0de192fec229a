"""What the labels of a table mean."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crbl_runtime.errors import DataError
from crbl_training.data.class_words import BOOLEANS, class_of, word_key
from crbl_training.data.dataset_format import DatasetFormat
from crbl_training.data.table_text import Row

SHOWN = 5
PLAIN_WORDS = ("0", "1", "normal", "anomaly")


@dataclass(frozen=True)
class TableLabels:
    """A label for each row, 0 normal or 1 anomaly; and what was taken for which, as text, where that was a guess."""

    labels: tuple[int, ...]
    guessed: tuple[str, ...]


def read_labels(path: Path, rows: Sequence[Row], place: int, column: str, dataset_format: DatasetFormat) -> TableLabels:
    """Read the labels in a column.

    Args:
        place: which cell of a row is the label. column: its name.

    Raises:
        DataError: a label is missing, or it is not known what it means.
    """
    given = {word_key(word): label for label, words in _given(dataset_format) for word in words}
    words: dict[str, int] = {}  # Each label as written, with the line where it first is.
    for row in rows:
        if not row.cells[place]:
            raise DataError(f"{path}, line {row.line}: the label is empty, expected 0 (normal) or 1 (anomaly).")
        words.setdefault(row.cells[place], row.line)
    guesses = {word: _guess(word) for word in words if word_key(word) not in given}
    _refuse_unknown(path, {word: words[word] for word, label in guesses.items() if label is None})
    _refuse_reversed(path, column, guesses)
    meanings = {word: given.get(word_key(word), guesses.get(word)) or 0 for word in words}
    told = tuple(
        f"{word} = {'anomaly' if guesses[word] else 'normal'}"
        for word in sorted(guesses, key=lambda word: (guesses[word] or 0, words[word]))
        if word not in PLAIN_WORDS
    )
    return TableLabels(tuple(meanings[row.cells[place]] for row in rows), told)


def _given(dataset_format: DatasetFormat) -> tuple[tuple[int, tuple[str, ...]], ...]:
    return (0, dataset_format.normal_labels), (1, dataset_format.anomaly_labels)


def _guess(word: str) -> int | None:
    return BOOLEANS.get(word_key(word), class_of(word))


def _refuse_unknown(path: Path, unknown: dict[str, int]) -> None:
    if not unknown:
        return
    word, line = next(iter(unknown.items()))
    others = [f"{word!r} (line {line})" for word, line in unknown.items()][1:]
    more = f", and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
    also = f" Unknown, too: {', '.join(others[:SHOWN])}{more}." if others else ""
    raise DataError(
        f"{path}, line {line}: the label is {word!r}, expected 0 (normal) or 1 (anomaly), or words such as OK and NG."
        f"{also} Say what they mean with --normal-label and --anomaly-label."
    )


def _refuse_reversed(path: Path, column: str, guesses: dict[str, int | None]) -> None:
    """Refuse 0/1 and false/true in a column such as `ok` or `is_normal`, where 1 and true should mean normal."""
    subject = re.sub(r"^is[\s_-]*|여부$", "", column.casefold())
    bare = [word for word in guesses if word_key(word) in {"0", "1", *BOOLEANS}]
    if bare and class_of(subject) == 0 and word_key(subject) != "0":
        raise DataError(
            f"{path}: in the column {column} it is not clear which class {bare[0]!r} is. "
            "Say it with --normal-label and --anomaly-label."
        )
