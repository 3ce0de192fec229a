"""class_folders.py: what of the folders with labelled images is in no data set is said."""

import sys
from pathlib import Path

import pytest

from crbl_runtime.left_out import left_out_lines
from crbl_training.data.dataset import read_images, read_labelled, read_split


def put(folder: Path, *names: str) -> Path:
    """Files with the names of images; reading a data set does not decode them."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two images a class, and nothing else."""
    return put(tmp_path / "data", *(f"{name}/{number}.png" for name in ("normal", "anomaly") for number in range(2)))


def lines(data: Path) -> list[str]:
    return left_out_lines(read_images(data, None, None).left_out)


def test_of_a_folder_with_nothing_else_nothing_is_said(data: Path) -> None:
    assert lines(data) == []


def test_junk_is_in_no_class_and_said(data: Path) -> None:
    before = read_labelled(data)
    put(data, "normal/.thumbnails/0.png", "normal/._0.png", "anomaly/@eaDir/0.png/SYNOPHOTO_THUMB_M.jpg", ".DS_Store")
    assert read_labelled(data) == before
    assert lines(data) == [
        f"Left out of {data}: 1 hidden file (.DS_Store)",
        f"Left out of {data / 'anomaly'}: 1 hidden or system folder with 1 file (@eaDir)",
        f"Left out of {data / 'normal'}: 1 hidden file (._0.png), 1 hidden or system folder with 1 file (.thumbnails)",
    ]


def test_images_beside_the_class_folders_are_said(data: Path) -> None:
    put(data, "loose.png", "notes.txt", "other.jpg")
    assert lines(data) == [f"Left out of {data}: 1 .txt, 2 images in no class folder (loose.png, other.jpg)"]


@pytest.mark.skipif(sys.platform == "win32", reason="a link needs a privilege there")
def test_a_class_folder_may_be_a_link(data: Path, tmp_path: Path) -> None:
    (data / "normal").rename(tmp_path / "elsewhere")
    (data / "normal").symlink_to(tmp_path / "elsewhere")
    put(tmp_path / "elsewhere", "notes.txt")
    assert len(read_labelled(data)) == 4
    assert lines(data) == [f"Left out of {data / 'normal'}: 1 .txt"]


def test_images_of_other_sources_do_not_matter(data: Path, tmp_path: Path) -> None:
    validation = put(tmp_path / "val", "normal/7.png", "anomaly/8.png", "anomaly/8.txt")
    split = read_split(data, validation, None, 0)
    assert left_out_lines(split.left_out) == [f"Left out of {validation / 'anomaly'}: 1 .txt"]
    assert left_out_lines(read_split(data, None, None, 0).left_out) == []


def test_of_a_table_nothing_is_left_out(data: Path) -> None:
    (data / "table.csv").write_text("path,label\nnormal/0.png,0\nanomaly/0.png,1\n")
    assert read_images(data / "table.csv", None, None).left_out == ()
