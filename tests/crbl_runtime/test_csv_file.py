"""Tables that spreadsheet programs open rightly, and that give every path back."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from crbl_runtime.csv_file import ENCODING, csv_as_it_grows, harmless, path_from_text, path_text, write_csv
from crbl_runtime.errors import OutputError

NAMES = [
    "부품_OK.png",
    'a,b "q".png',
    "line\nbreak.png",
    "return\ronly.png",
    "return\rand\r\nboth.png",
    "no utf-8 \udcff\udc80.png",
    r"written out \udcff.png",
    r"written out \u005cudcff.png",
    r"C:\parts\u12ab.png",
    " blank .png",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_path_comes_back_as_it_was(name: str, tmp_path: Path) -> None:
    write_csv(tmp_path / "table.csv", ["path", "error"], [[Path("folder") / name, ""], [Path(name), "x"]])
    with (tmp_path / "table.csv").open(newline="", encoding=ENCODING) as file:
        rows = list(csv.DictReader(file))
    assert [path_from_text(row["path"]) for row in rows] == [Path("folder") / name, Path(name)]
    assert [row["error"] for row in rows] == ["", "x"]


def test_only_paths_that_need_it_are_written_otherwise() -> None:
    assert path_text(Path("부품/a b.png")) == str(Path("부품/a b.png"))
    assert path_text(Path("\udcff.png")) == r"\udcff.png"
    assert path_text(Path(r"\udcff.png")) == r"\u005cudcff.png"


@pytest.mark.parametrize("name", ["=cmd.png", "+1.png", "-1.png", "@sum.png"])
def test_no_path_and_no_sentence_is_a_formula(name: str) -> None:
    text = path_text(Path(name))
    assert text[0] == "."
    assert Path(text) == Path(name)
    assert harmless(f"{name}: cut off")[0] == " "
    assert harmless("a.png: cut off") == "a.png: cut off"


def test_spreadsheet_programs_see_that_it_is_utf_8_and_lines_end_with_one_character(tmp_path: Path) -> None:
    write_csv(tmp_path / "table.csv", ["path", "x"], [[Path("부품"), -0.5]])
    assert (tmp_path / "table.csv").read_bytes() == b"\xef\xbb\xbf" + "path,x\n부품,-0.5\n".encode()


def test_a_table_that_grows_is_as_one_that_is_written_at_once(tmp_path: Path) -> None:
    rows = [[Path("부품/=x.png"), 1, "a\nb"], [Path("\udcff.png"), -0.5, ""]]
    write_csv(tmp_path / "at once.csv", ["path", "x", "note"], rows)
    with csv_as_it_grows(tmp_path / "grown.csv", ["path", "x", "note"]) as write_row:
        for row in rows:
            write_row(row)
        assert not (tmp_path / "grown.csv").exists()
    assert (tmp_path / "grown.csv").read_bytes() == (tmp_path / "at once.csv").read_bytes()


@pytest.mark.parametrize("error", [KeyboardInterrupt("stop"), OutputError("full"), ZeroDivisionError("by zero")])
def test_a_table_whose_writer_was_stopped_holds_the_rows_until_then(error: BaseException, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(type(error), match=str(error)), csv_as_it_grows(path, ["x"]):
        raise error
    assert path.read_text() == "old"
    with pytest.raises(type(error), match=str(error)), csv_as_it_grows(path, ["x"]) as write_row:
        _write_and_raise(write_row, error)
    assert path.read_text(encoding=ENCODING) == "x\n1\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_a_table_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")
    opened = Path.open
    monkeypatch.setattr(
        Path,
        "open",
        lambda self, mode="r", **options: opened(Path("/dev/full") if mode == "w" else self, mode, **options),
    )
    with pytest.raises(OutputError, match="No space left"), csv_as_it_grows(path, ["x"]) as write_row:
        _write_many(write_row)
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def _write_many(write_row: Callable[[Sequence[object]], None]) -> None:
    for number in range(10_000):
        write_row([number])


def _write_and_raise(write_row: Callable[[Sequence[object]], None], error: BaseException) -> None:
    write_row([1])
    raise error
