"""Tables that spreadsheet programs open rightly, and that give every path back."""

import csv
from pathlib import Path

import pytest

from crbl_runtime.csv_file import ENCODING, harmless, path_from_text, path_text, write_csv

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
