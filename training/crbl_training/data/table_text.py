"""A table's rows of cells, from the bytes of a file in any usual encoding and with any usual delimiter."""

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from crbl_runtime.errors import DataError

# UTF-32 before UTF-16, whose mark is the beginning of the other's.
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What Excel writes on Windows as "CSV" in Korea, in Western Europe, in Japan and in China.
CODE_PAGES = ("cp949", "cp1252", "cp932", "gb18030")
DELIMITERS = ",;\t|"
DELIMITER_NAMES = {"\t": "tabs", " ": "spaces"}
WORKBOOKS = {b"PK\x03\x04": "a workbook (.xlsx or .ods)", b"\xd0\xcf\x11\xe0": "a workbook (.xls)"}
SAVE_AS_CSV = "Save it as 'CSV UTF-8' in the spreadsheet program and name that file."
# A byte order mark in the middle, zero-width spaces, and the marks of direction that Windows puts before a path that
# is copied from a file's properties.
INVISIBLE = "\ufeff\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e"

_PANDAS_INDEX = re.compile(r"Unnamed: [0-9]+")


@dataclass(frozen=True)
class Row:
    """One row. line: its last line in the file, from 1. cells: as many as the header has, without spaces around."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class TableText:
    """A table as text.

    Attributes:
        header: the names of the columns, as written. rows: those that are not wholly empty. encoding: a name for
            Python. delimiter: one character. empty_rows: how many rows were wholly empty.
    """

    header: tuple[str, ...]
    rows: tuple[Row, ...]
    encoding: str
    delimiter: str
    empty_rows: int

    def reading(self) -> str:
        """How the file was read where that is not UTF-8 with commas, as text; else empty."""
        name = DELIMITER_NAMES.get(self.delimiter, repr(self.delimiter))
        encoding = "" if self.encoding == "utf-8" else f" as {self.encoding}"
        delimiter = "" if self.delimiter == "," else f" with {name}"
        return f"read{encoding}{delimiter}" if encoding or delimiter else ""


def read_table_text(
    path: Path, is_column: Callable[[str], bool], known_words: Callable[[], Collection[str]]
) -> TableText:
    """Read a table's header and rows.

    Args:
        is_column: whether a header's cell names a column that is looked for; decides between delimiters.
        known_words: what can be in the table: names of files and folders, and words for classes and columns, in
            Unicode's form NFC. Decides between code pages, which can often all decode a file: the right one is that in
            which most of these words occur.

    Raises:
        DataError: the file is no text, or its rows do not fit its header.
    """
    texts = _possible_texts(path)
    encoding = _most_words(texts, known_words()) if len(texts) > 1 else next(iter(texts))
    return _parse(path, texts[encoding], encoding, is_column)


def clean(cell: str) -> str:
    """A cell without what cannot be seen at its ends."""
    return cell.strip().strip(INVISIBLE).strip()


def _possible_texts(path: Path) -> dict[str, str]:
    """The file's text by encoding, the likeliest encoding first."""
    data = path.read_bytes().rstrip(b"\x1a")  # The end of a file in DOS.
    for beginning, kind in WORKBOOKS.items():
        if data.startswith(beginning):
            raise DataError(f"{path} is {kind}, expected a table as text. {SAVE_AS_CSV}")
    candidates: tuple[str, ...]
    marked = next(((mark, encoding) for mark, encoding in BYTE_ORDER_MARKS if data.startswith(mark)), None)
    if marked is not None:
        candidates, data = (marked[1],), data[len(marked[0]) :]
    elif b"\0" in data:
        # ASCII has its zeros behind in little endian, in front in big endian; a table has commas and line ends.
        candidates = ("utf-16-le",) if data[1::2].count(0) > data[::2].count(0) else ("utf-16-be",)
    else:
        candidates = ("utf-8", *CODE_PAGES)
    texts: dict[str, str] = {}
    for encoding in candidates:
        text = _decode(data, encoding)
        if text is not None:
            texts[encoding] = text
        if encoding == "utf-8" and texts:
            break
    if not texts:
        raise DataError(f"{path} cannot be read as text, in {' or '.join(candidates)}. {SAVE_AS_CSV}")
    return texts


def _decode(data: bytes, encoding: str) -> str | None:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _most_words(texts: dict[str, str], words: Collection[str]) -> str:
    """The encoding in which most of the words occur; the first of equals."""

    def found(encoding: str) -> int:
        return len(set(words) & set(re.split(r'[\\/,;\t|"\r\n]+', unicodedata.normalize("NFC", texts[encoding]))))

    return max(texts, key=found)


def _parse(path: Path, text: str, encoding: str, is_column: Callable[[str], bool]) -> TableText:
    declared = re.match(r'"?sep=([^\r\n"])', text, re.IGNORECASE)
    delimiter = declared[1] if declared else _delimiter(text, is_column)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        rows = [Row(reader.line_num, tuple(map(clean, cells))) for cells in reader]
    except csv.Error as error:
        raise DataError(
            f"{path}, line {reader.line_num}: this is no row of a table ({error}). Is a quotation mark missing?"
        ) from error
    rows = rows[1:] if declared else rows
    while rows and not any(rows[0].cells):
        del rows[0]
    header = rows[0].cells if rows else ()
    filled = [row for row in rows[1:] if not _is_empty(row, header)]
    if not filled:
        raise DataError(f"{path} has no rows. Expected a header line and one line for each image.")
    fitted = tuple(_fit(path, row, len(header)) for row in filled)
    return TableText(header, fitted, encoding, delimiter, len(rows) - 1 - len(filled))


def _delimiter(text: str, is_column: Callable[[str], bool]) -> str:
    """The delimiter that splits the header into most columns that are looked for, then into most columns."""
    header = next((line for line in io.StringIO(text, newline="") if line.strip(f" \r\n{DELIMITERS}{INVISIBLE}")), "")

    def fitness(delimiter: str) -> tuple[int, int]:
        cells = next(csv.reader([header], delimiter=delimiter, skipinitialspace=True), [])
        return sum(is_column(clean(cell)) for cell in cells), len(cells)

    return max(DELIMITERS, key=fitness)


def _is_empty(row: Row, header: tuple[str, ...]) -> bool:
    """Whether a row has nothing but, perhaps, a number in a column without a name, which is pandas' index."""
    named = [cell for cell, name in zip(row.cells, header, strict=False) if name and not _PANDAS_INDEX.fullmatch(name)]
    return not any(named) and not any(row.cells[len(header) :])


def _fit(path: Path, row: Row, width: int) -> Row:
    """The row with as many cells as the header has; what is missing at its end is empty."""
    if any(row.cells[width:]):
        raise DataError(
            f"{path}, line {row.line}: there are {len(row.cells)} cells and the header has {width}. "
            "Put quotation marks around a cell with the delimiter in it."
        )
    return Row(row.line, (*row.cells[:width], *[""] * (width - len(row.cells))))
