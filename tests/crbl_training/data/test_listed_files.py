"""listed_files.py: paths of another machine lead to the right file or to none."""

import os
import unicodedata
from pathlib import Path

import pytest

from crbl_runtime.csv_file import path_text
from crbl_training.data.listed_files import ListedFile, NoFile, find_listed_files

PLACED = ("OK/a.png", "OK/b.png", "NG/a.png", "NG/c.JPG")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in PLACED:
        (tmp_path / "parts" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "parts" / name).write_bytes(b"")
    return tmp_path / "parts"


def found(folder: Path, *written: str) -> list[str | None]:
    """The files found, relative to the folder; None where there is none."""
    files = find_listed_files(folder, written)
    return [file.path.relative_to(folder).as_posix() if isinstance(file, ListedFile) else None for file in files]


@pytest.mark.parametrize(
    "start",
    [
        *["", "./", "parts/", "old/parts/", "../other/", "/home/kim/parts/", "~/parts/"],
        *["D:\\inspection\\parts\\", "D:/inspection/", "d:\\", "\\\\server\\share\\"],
    ],
)
def test_all_files_are_found_wherever_the_table_was_written(folder, start):
    separator = "\\" if "\\" in start else "/"
    assert found(folder, *(start + name.replace("/", separator) for name in PLACED)) == list(PLACED)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
@pytest.mark.parametrize("name", ["\udcff.png", r"\udcff.png", r"\u005cudcff.png"])
def test_names_that_a_table_cannot_hold_are_read_as_they_are_written(name, folder):
    (folder / name).write_bytes(b"")
    assert found(folder, path_text(Path(name)), path_text(folder / name), "OK/a.png") == [name, name, "OK/a.png"]


def test_tails_are_found_in_folders_below(folder):
    assert found(folder.parent, *(f"D:\\x\\{name}" for name in PLACED)) == [f"parts/{name}" for name in PLACED]


def test_a_copy_further_below_is_not_what_the_tail_says(folder):
    (folder / "backup" / "OK").mkdir(parents=True)
    (folder / "backup" / "OK" / "a.png").write_bytes(b"")
    assert found(folder, "D:\\parts\\OK\\a.png", "D:\\parts\\OK\\b.png") == ["OK/a.png", "OK/b.png"]
    assert found(folder, "D:\\backup\\OK\\a.png") == ["backup/OK/a.png"]


def test_the_number_of_parts_by_which_a_file_was_found_is_known(folder):
    files = find_listed_files(folder, ["OK/a.png", "OK\\b.png", "D:\\parts\\NG\\a.png"])
    assert [(file.tail, file.backslashes) for file in files if isinstance(file, ListedFile)] == [
        (0, False),
        (0, True),
        (2, False),
    ]


def test_a_bare_name_is_found_in_a_subfolder_only_if_it_is_there_once(folder):
    assert found(folder, "b.png", "c.JPG") == ["OK/b.png", "NG/c.JPG"]
    (ambiguous,) = find_listed_files(folder, ["a.png"])
    assert ambiguous == NoFile("could be NG/a.png or OK/a.png")


def test_a_missing_file_is_not_replaced_by_another_of_its_name(folder):
    assert found(folder, "OK/a.png", "OK/c.JPG") == ["OK/a.png", None]
    assert found(folder, "D:\\parts\\OK\\a.png", "D:\\parts\\OK\\c.JPG") == ["OK/a.png", None]
    (folder / "spare").mkdir()
    (folder / "spare" / "d.png").write_bytes(b"")
    assert found(folder, "D:\\parts\\OK\\a.png", "D:\\parts\\d.png") == ["OK/a.png", None]


def test_another_case_is_another_file_only_where_both_are_there(folder):
    assert found(folder, "ok/A.PNG", "NG/c.jpg") == ["OK/a.png", "NG/c.JPG"]
    (folder / "NG" / "C.jpg").write_bytes(b"")
    if len(list((folder / "NG").iterdir())) == 3:  # A file system that tells them apart.
        assert found(folder, "D:\\NG\\c.JPG", "D:\\NG\\C.jpg") == ["NG/c.JPG", "NG/C.jpg"]
        assert found(folder, "NG/c.jpg") == [None]


@pytest.mark.parametrize(("on_disk", "written"), [("NFC", "NFD"), ("NFD", "NFC")])
@pytest.mark.parametrize("start", ["", "D:\\"])
def test_hangul_is_found_however_it_is_composed(tmp_path, on_disk, written, start):
    path = tmp_path / unicodedata.normalize(on_disk, "정상") / unicodedata.normalize(on_disk, "부품.png")
    path.parent.mkdir()
    path.write_bytes(b"")
    (file,) = find_listed_files(tmp_path, [start + unicodedata.normalize(written, "정상/부품.png")])
    assert isinstance(file, ListedFile)
    assert file.path.samefile(path)


@pytest.mark.parametrize("written", ["", ".", "D:\\", "OK", "x" * 300 + ".png", "OK/\0.png", "none.png"])
def test_what_is_no_file_is_none(folder, written):
    assert found(folder, written) == [None]


def test_in_a_folder_without_images_nothing_is_found(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    assert found(tmp_path, "D:\\a.png") == [None]
