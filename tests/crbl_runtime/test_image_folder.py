"""image_folder.py: which files of a folder are taken, and that all others are counted and named."""

import os
import stat
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from crbl_runtime.errors import DataError
from crbl_runtime.hidden_names import has_hidden_flag
from crbl_runtime.image_file.decode import FORMATS
from crbl_runtime.image_folder import IMAGE_SUFFIXES, find_images, search
from crbl_runtime.left_out import COUNTED_HIDDEN, SHOWN_SUFFIXES, left_out_as_json, left_out_lines

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs links, pipes and long paths as POSIX has them")


def put(folder: Path, *names: str) -> Path:
    """Empty files; searching a folder opens none of them."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def taken(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in find_images(folder).images]


def left_out(folder: Path) -> str:
    return find_images(folder).left_out.what


def test_images_of_all_folders_below_are_taken_in_the_order_of_their_paths(tmp_path: Path) -> None:
    names = ["a/b.png", "a/deep/er/c.TIF", "a.png", "부품/균열 1.Jpeg", "x.png/in a folder named so.bmp"]
    put(tmp_path, *reversed(names))
    found = find_images(tmp_path)
    assert found.images == tuple(sorted(tmp_path / name for name in names))
    assert not found.left_out
    assert found.left_out.what == ""
    assert left_out_lines([found.left_out]) == left_out_as_json([found.left_out]) == []


@pytest.mark.parametrize(
    "suffix", ["jfif", "jpe", "mpo", "apng", "dib", "gif", "pgm", "jp2", "j2k", "avif", "HEIC", "hif"]
)
def test_every_suffix_whose_format_is_read_is_taken(tmp_path: Path, suffix: str) -> None:
    assert taken(put(tmp_path, f"a.{suffix}")) == [f"a.{suffix}"]


def test_no_suffix_that_pillow_knows_for_a_format_that_is_read_is_missing() -> None:
    Image.init()
    known = {suffix for suffix, kind in Image.registered_extensions().items() if kind in (*FORMATS, "MPO")}
    assert known - IMAGE_SUFFIXES == {".pfm"}, "PFM holds floating-point values"


HIDDEN = [
    *("._p0.png", ".p0.png", ".DS_Store"),
    *(".thumbnails/p0.png", ".git/p0.png", ".@__thumb/p0.png", ".AppleDouble/p0.png", ".Trash-1000/files/p0.png"),
    *("@eaDir/p0.png/SYNOPHOTO_THUMB_M.jpg", "#recycle/p0.png", "#snapshot/GMT+09-2026.01.01/p0.png", "@tmp/p0.png"),
    *("@Recycle/p0.png", "@Recently-Snapshot/p0.png", "~snapshot/p0.png"),
    *("$RECYCLE.BIN/S-1-5-21/$RABCDEF.png", "RECYCLER/p0.png", "System Volume Information/p0.png"),
    *("__MACOSX/p0.png", "Network Trash Folder/p0.png", "lost+found/p0.png"),
]


@pytest.mark.parametrize("depth", ["", "sub/deeper/"])
@pytest.mark.parametrize("name", HIDDEN)
def test_what_no_person_meant_as_data_is_left_out_and_said(tmp_path: Path, name: str, depth: str) -> None:
    put(tmp_path, "p0.png", depth + name)
    assert taken(tmp_path) == ["p0.png"]
    first = name.partition("/")[0]
    where = str(Path(depth, first))
    if first == name:
        assert left_out(tmp_path) == f"1 hidden file ({where})"
    else:
        assert left_out(tmp_path) == f"1 hidden or system folder with 1 file ({where})"


def test_the_names_of_system_folders_are_compared_without_case_and_as_a_whole(tmp_path: Path) -> None:
    put(tmp_path, "@EADIR/p0.png", "$Recycle.Bin/p0.png", "__macosx/p0.png")
    put(tmp_path, "@eaDir 2/a.png", "recycle/b.png", "#1/c.png", "snapshot/d.png", "@Recycle.png")
    # Windows sorts paths without case.
    assert set(taken(tmp_path)) == {"#1/c.png", "@Recycle.png", "@eaDir 2/a.png", "recycle/b.png", "snapshot/d.png"}
    assert "3 hidden or system folders with 3 files" in left_out(tmp_path)


@pytest.mark.parametrize("name", [".hidden", "@eaDir", "__MACOSX"])
def test_a_folder_that_is_named_is_searched_whatever_its_own_name_is(tmp_path: Path, name: str) -> None:
    put(tmp_path / name, "a.png", "sub/b.png")
    assert taken(tmp_path / name) == ["a.png", "sub/b.png"]
    assert not find_images(tmp_path / name).left_out


def test_windows_and_macos_can_hide_any_name() -> None:
    def status(**values: int) -> Any:
        return SimpleNamespace(**values)

    assert has_hidden_flag(status(st_file_attributes=stat.FILE_ATTRIBUTE_HIDDEN | stat.FILE_ATTRIBUTE_SYSTEM))
    assert has_hidden_flag(status(st_flags=stat.UF_HIDDEN))
    # A folder with an icon of its own is no hidden one.
    assert not has_hidden_flag(status(st_file_attributes=stat.FILE_ATTRIBUTE_SYSTEM | stat.FILE_ATTRIBUTE_DIRECTORY))
    assert not has_hidden_flag(status())


def test_other_files_are_counted_by_suffix(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "b.txt", "sub/c.TXT", "sub/d.csv", "README", "e.png.tmp", "Thumbs.db", "desktop.ini")
    assert left_out(tmp_path) == "2 .txt, 1 without suffix, 1 .csv, 1 .db, 1 .ini, 1 .tmp"
    assert left_out_lines([find_images(tmp_path).left_out]) == [f"Left out of {tmp_path}: {left_out(tmp_path)}"]


def test_of_very_many_suffixes_the_most_frequent_are_shown(tmp_path: Path) -> None:
    put(tmp_path, "a.png", *(f"scan.{number:03}" for number in range(SHOWN_SUFFIXES + 7)), "b.txt", "c.txt")
    shown = left_out(tmp_path)
    assert shown.startswith("2 .txt, 1 .000, 1 .001, ")
    assert shown.endswith(", 8 with 8 other suffixes")


@posix
def test_linked_folders_are_not_followed_and_said(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", "b.png")
    folder = put(tmp_path / "images", "a.png", "sub/c.png")
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "sub" / "around").symlink_to(folder)
    assert taken(folder) == ["a.png", "sub/c.png"]
    assert left_out(folder) == "2 linked folders, which are not followed (linked, sub/around)"
    assert taken(folder / "linked") == ["b.png"], "a link that is named is followed"


@posix
def test_linked_images_are_taken_and_broken_links_said(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", "b.png")
    folder = put(tmp_path / "images", "a.png")
    (folder / "b.png").symlink_to(tmp_path / "elsewhere" / "b.png")
    for name, target in (("gone.png", "nothing"), ("itself.png", "itself.png"), ("through.png", "a.png/b.png")):
        (folder / name).symlink_to(target)
    assert taken(folder) == ["a.png", "b.png"]
    assert left_out(folder) == "3 broken links (gone.png, itself.png, through.png)"


@posix
def test_pipes_are_not_opened(tmp_path: Path) -> None:
    put(tmp_path, "a.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "linked.png").symlink_to("pipe.png")
    assert taken(tmp_path) == ["a.png"]
    assert left_out(tmp_path) == "2 special files (pipes, sockets or devices) (linked.png, pipe.png)"


@posix
def test_a_folder_that_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its path is longer than the system takes: unlike a permission, this stops root too."""
    put(tmp_path, "a.png")
    monkeypatch.chdir(tmp_path)
    for _ in range(20):
        Path("d" * 250).mkdir()
        os.chdir("d" * 250)
    assert taken(tmp_path) == ["a.png"]
    assert left_out(tmp_path).startswith(f"1 file or folder that cannot be read ({'d' * 250}/")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden here")
def test_a_folder_without_permission_is_said(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "locked/b.png")
    (tmp_path / "locked").chmod(0)
    assert left_out(tmp_path) == "1 file or folder that cannot be read (locked)"
    with pytest.raises(DataError, match="locked cannot be read"):
        find_images(tmp_path / "locked")
    (tmp_path / "locked").chmod(0o700)


def test_no_images_is_an_error_that_says_what_is_there(tmp_path: Path) -> None:
    put(tmp_path, "a.raw", "b.raw", ".thumbnails/a.png")
    (empty := tmp_path.parent / f"{tmp_path.name} empty").mkdir()
    with pytest.raises(
        DataError, match=r"holds no images\. Expected files ending in \.apng .*\. Left out: 2 \.raw, 1 hid"
    ):
        find_images(tmp_path)
    with pytest.raises(DataError, match=r"no images\. Expected files ending in [^:]*$"):
        find_images(empty)
    with pytest.raises(DataError, match="There is no folder"):
        find_images(tmp_path / "nowhere")


def test_a_search_can_pass_over_folders_and_find_nothing(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "class/b.png", "class/c.txt")
    assert search(tmp_path, passing_over=[tmp_path / "class"]).images == (tmp_path / "a.png",)
    assert not search(tmp_path, passing_over=[tmp_path / "class"]).left_out
    assert search(put(tmp_path / "other", "d.txt")).images == ()


def test_counting_in_hidden_folders_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a.png", *(f".snapshot/{day}/{number}.png" for day in range(4) for number in range(3)))
    assert "with 12 files" in left_out(tmp_path)
    assert COUNTED_HIDDEN > 1000
    monkeypatch.setattr("crbl_runtime.image_folder.COUNTED_HIDDEN", 5)
    monkeypatch.setattr("crbl_runtime.left_out.COUNTED_HIDDEN", 5)
    assert "1 hidden or system folder with at least 5 files (.snapshot)" in left_out(tmp_path)


def test_the_counts_for_programs(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "b.txt", "README", ".c.png", "@eaDir/d.png", "@eaDir/e.png")
    (counts,) = left_out_as_json([find_images(tmp_path).left_out])
    assert counts == {
        "folder": str(tmp_path),
        "other_files_by_suffix": {"": 1, ".txt": 1},
        "hidden_files": 1,
        "hidden_folders": 1,
        "files_in_hidden_folders": 2,
        "linked_folders": 0,
        "broken_links": 0,
        "unreadable": 0,
        "special_files": 0,
        "images_in_no_class_folder": 0,
    }


@pytest.mark.skipif(sys.platform == "win32", reason="names have no line ends there")
def test_what_is_left_out_is_said_on_one_line_whatever_its_name_is(tmp_path: Path) -> None:
    put(tmp_path, "a.png", ".line\nbreak.png")
    (line,) = left_out_lines([find_images(tmp_path).left_out])
    assert line.endswith(r"1 hidden file (.line\nbreak.png)")


def test_folders_in_a_folder_can_be_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "notes.txt", "below/b.png", ".hidden/c.png")
    found = find_images(tmp_path, recursive=False)
    assert found.images == (tmp_path / "a.png",)
    assert found.left_out.what == "1 .txt, 1 hidden or system folder with 1 file (.hidden)"
    put(tmp_path / "other", "below/b.png")
    with pytest.raises(DataError, match=r"other holds no images\. .* Folders in it were not searched\."):
        find_images(tmp_path / "other", recursive=False)
    assert find_images(tmp_path, [tmp_path / "below"]).images == (tmp_path / "a.png", tmp_path / "other/below/b.png")
