"""table_kinds.py: a table's kinds of anomaly are read where they can be nothing else."""

from pathlib import Path

import pytest

from crbl_runtime.errors import DataError
from crbl_training.data.dataset import read_images
from crbl_training.data.dataset_format import USUAL_FORMAT, DatasetFormat
from crbl_training.data.held_out import held_out_line, write_held_out


def kinds(folder: Path, text: str, dataset_format: DatasetFormat = USUAL_FORMAT) -> tuple[list[str], str | None]:
    """The kinds of a.png to d.png, and what was guessed."""
    for name in "abcd":
        (folder / f"{name}.png").write_bytes(name.encode())
    (folder / "t.csv").write_text(text, encoding="utf-8")
    listing = read_images(folder / "t.csv", None, None, dataset_format)
    assert len(listing.images) == 4
    return [image.kind for image in listing.images], listing.reading


@pytest.mark.parametrize("column", ["kind", "Kind", "defect_type", "Anomaly Type", "결함유형"])
def test_a_column_of_kinds_is_read_by_its_name(tmp_path, column):
    text = f"path,label,{column}\na.png,0,\nb.png,0,none\nc.png,1,scratch\nd.png,1,dent\n"
    read, told = kinds(tmp_path, text)
    assert read == ["", "", "scratch", "dent"]
    assert told == (None if column.casefold() == "kind" else f"t.csv: kinds of anomaly in column {column}")


@pytest.mark.parametrize("nothing", ["", "-", "none", "N/A", "nan", "normal", "OK", "0", "없음", "no"])
def test_what_says_nothing_about_a_normal_image_is_no_kind(tmp_path, nothing):
    text = f"path,label,kind\na.png,0,{nothing}\nb.png,0,{nothing}\nc.png,1,scratch\nd.png,1,anomaly\n"
    assert kinds(tmp_path, text)[0] == ["", "", "scratch", ""]


def test_a_column_that_normal_images_have_too_is_no_column_of_kinds_and_that_is_said(tmp_path):
    text = "path,label,kind\na.png,0,screw\nb.png,0,nut\nc.png,1,screw\nd.png,1,nut\n"
    told = "t.csv: column kind not read as kinds of anomaly, as line 2 is normal and has one"
    assert kinds(tmp_path, text) == ([""] * 4, told)


@pytest.mark.parametrize("column", ["defect", "anomaly", "불량"])
def test_a_column_that_could_be_a_label_is_one_of_kinds_beside_a_label_where_it_has_other_words(tmp_path, column):
    text = f"path,label,{column}\na.png,0,\nb.png,0,\nc.png,1,scratch\nd.png,1,dent\n"
    assert kinds(tmp_path, text) == (
        ["", "", "scratch", "dent"],
        f"t.csv: kinds of anomaly in column {column}",
    )
    contradicting = f"path,label,{column}\na.png,0,1\nb.png,0,0\nc.png,1,1\nd.png,1,1\n"
    with pytest.raises(DataError, match=f"columns label and {column}, and they differ"):
        kinds(tmp_path, contradicting)


@pytest.mark.parametrize("column", ["class", "category"])
def test_what_may_be_the_kind_of_part_is_asked_for_as_before(tmp_path, column):
    text = f"path,label,{column}\na.png,0,good\nb.png,0,good\nc.png,1,scratch\nd.png,1,dent\n"
    with pytest.raises(DataError, match=f"columns label and {column}, and they differ"):
        kinds(tmp_path, text)


def test_two_columns_of_kinds_that_differ_are_none(tmp_path):
    text = "path,label,kind,defect_type\na.png,0,,\nb.png,0,,\nc.png,1,scratch,x\nd.png,1,dent,y\n"
    assert kinds(tmp_path, text) == ([""] * 4, None)


def test_labels_that_the_user_explains_are_kinds(tmp_path):
    text = "path,label\na.png,fine\nb.png,0\nc.png,scratch\nd.png,NG\n"
    explained = DatasetFormat(normal_labels=("fine",), anomaly_labels=("scratch",))
    assert kinds(tmp_path, text, explained)[0] == ["", "", "scratch", ""]


def test_a_table_of_held_out_images_is_read_again_with_its_kinds(tmp_path):
    text = "path,label,kind\na.png,0,\nb.png,0,\nc.png,1,=cmd()\nd.png,1,찍힘\n"
    kinds(tmp_path, text)
    images = read_images(tmp_path / "t.csv", None, None).images
    write_held_out(tmp_path / "elsewhere.csv", images)
    assert "\n=" not in (tmp_path / "elsewhere.csv").read_text(encoding="utf-8-sig").replace(",", "\n")
    assert read_images(tmp_path / "elsewhere.csv", None, None).images == images
    expected = "Held out of training and validation: 4 test images (2 normal, 1 =cmd(), 1 찍힘)"
    assert held_out_line(images) == expected
