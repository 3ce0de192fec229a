"""dataset.py: folders and tables of every accepted form, and a clear word on every other."""

from pathlib import Path

import pytest

from crbl_runtime.errors import DataError, UsageError
from crbl_training.data.dataset import LabelledImage, data_hash, read_images, read_labelled, read_split


def put_images(folder: Path, *names: str) -> None:
    """Files with the names of images; reading a data set does not decode them."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def write_table(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


def labels(images: tuple[LabelledImage, ...], folder: Path) -> dict[str, int]:
    return {image.path.relative_to(folder).as_posix(): image.label for image in images}


@pytest.fixture
def four(tmp_path: Path) -> Path:
    """A folder with the images a.png to d.png."""
    put_images(tmp_path, "a.png", "b.png", "c.png", "d.png")
    return tmp_path


@pytest.mark.parametrize(
    ("normal", "anomaly"), [("class_0", "class_1"), ("normal", "anomaly"), ("good", "bad")]
)  # fmt: skip
def test_class_folders_are_searched_to_the_bottom(tmp_path, normal, anomaly):
    put_images(tmp_path, f"{normal}/b.png", f"{normal}/deep/er/a.JPG", f"{normal}/notes.txt", f"{anomaly}/크랙.bmp")
    expected = {f"{normal}/b.png": 0, f"{normal}/deep/er/a.JPG": 0, f"{anomaly}/크랙.bmp": 1}
    assert labels(read_labelled(tmp_path), tmp_path) == expected


@pytest.mark.parametrize("path_column", ["image_path", "path"])
@pytest.mark.parametrize("label_column", ["impurity", "label"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_tables_with_either_column_name(four, path_column, label_column, encoding):
    text = f'{path_column},{label_column},note\r\na.png,0,"x, y"\r\nb.png,1,\r\n'
    table = write_table(four / "table.csv", text, encoding)
    assert labels(read_labelled(table), four) == {"a.png": 0, "b.png": 1}


@pytest.mark.parametrize(("normal", "anomaly"), [("normal", "anomaly"), ("good", "BAD"), ("class_0", " class_1 ")])
def test_tables_with_words_for_labels(four, normal, anomaly):
    table = write_table(four / "table.csv", f"path,label\na.png,{normal}\nb.png,{anomaly}\n")
    assert labels(read_labelled(table), four) == {"a.png": 0, "b.png": 1}


def test_paths_are_relative_to_the_table_or_to_the_image_folder_given(tmp_path):
    put_images(tmp_path / "images", "sub/a.png", "b.png")
    text = "image_path,impurity\nsub/a.png,0\nb.png,1\n"
    beside = write_table(tmp_path / "images" / "table.csv", text)
    elsewhere = write_table(tmp_path / "tables" / "table.csv", text)
    expected = {"sub/a.png": 0, "b.png": 1}
    assert labels(read_labelled(beside), tmp_path / "images") == expected
    assert labels(read_labelled(elsewhere, tmp_path / "images"), tmp_path / "images") == expected
    with pytest.raises(DataError, match=r"no file for 2 of 2 images.*--images"):
        read_labelled(elsewhere)


def test_absolute_paths_stay(four, tmp_path):
    table = write_table(tmp_path / "t" / "table.csv", f"path,label\n{four / 'a.png'},0\n{four / 'b.png'},1\n")
    assert labels(read_labelled(table), four) == {"a.png": 0, "b.png": 1}


# What is refused: the file, what is wrong with it, and what to do.


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image_path,quality\na.png,0\n", "columns image_path, quality, expected one named impurity or label"),
        ("id,impurity\na.png,0\n", "columns id, impurity, expected one named image_path or path"),
        ("image_path:impurity\na.png:0\n", "columns image_path:impurity, expected one named"),
        ("image_path,impurity\na.png,0\nb.png,2\n", r"line 3: the label is '2', expected 0 \(normal\) or 1"),
        ("image_path,impurity\na.png,0\nb.png\n", "line 3: the label is empty"),
        ("image_path,impurity\na.png,0\n\n\nb.png,maybe\n", "line 5: the label is 'maybe'"),
        ("image_path,impurity\na.png,0\n\nmissing.png,1\n", r"no file for 1 of 2 images \(line 4: .*missing.png\)"),
        ("image_path,impurity\na.png,0\n,1\n", "no file for 1 of 2 images"),
        ("image_path,impurity,split\na.png,0,train\nb.png,1,hold-out\n", "line 3: the split is 'hold-out', expected"),
        ("image_path,impurity,split\na.png,0,train\nb.png,1,\n", "line 3: the split is given in some lines only"),
        ("image_path,impurity,split\na.png,0,\nb.png,1,val\n", "line 3: the split is given in some lines only"),
        ("image_path,impurity\n", "has no rows. Expected a header line"),
        ("", "has no rows. Expected a header line"),
        ("image_path,impurity\na.png,0\nb.png,0\n", r"holds 2 images but none that is anomaly \(class_1\)"),
        ("image_path,impurity\na.png,1\n", r"holds 1 image but none that is normal \(class_0\)"),
    ],
)  # fmt: skip
def test_tables_that_cannot_be_used_are_named_with_the_reason(four, text, message):
    table = write_table(four / "table.csv", text)
    with pytest.raises(DataError, match=message) as refusal:
        read_labelled(table)
    assert str(table) in str(refusal.value)


def test_many_missing_images_are_counted_and_not_all_listed(tmp_path):
    rows = "".join(f"p{n}.png,{n % 2}\n" for n in range(40))
    with pytest.raises(DataError, match=r"40 of 40 .*line 2: .*line 6: .*; and 35 more"):
        read_labelled(write_table(tmp_path / "table.csv", "path,label\n" + rows))


def test_no_such_path(tmp_path):
    with pytest.raises(DataError, match=r"There is no .*nowhere\. Name a folder with two class folders, or a CSV"):
        read_labelled(tmp_path / "nowhere")


def test_folder_without_class_folders(tmp_path):
    put_images(tmp_path, "a.png")
    with pytest.raises(DataError, match=r"no class folders\. Expected two folders named class_0/class_1"):
        read_labelled(tmp_path)


def test_folder_with_one_class_folder(tmp_path):
    put_images(tmp_path, "good/a.png")
    with pytest.raises(DataError, match=r"has no folder bad with anomalies beside good\. Both classes are needed: put"):
        read_labelled(tmp_path)


def test_empty_class_folder(tmp_path):
    put_images(tmp_path, "class_0/a.png", "class_1/readme.txt")
    with pytest.raises(DataError, match=r"class_1 holds no images\. Expected files ending in"):
        read_labelled(tmp_path)


# Training and validation images


SPLIT_TABLE = (
    "path,label,split\na.png,0,train\nb.png,1,Train\nc.png,0,val\nd.png,1,validation\ne.png,0,test\nf.png,1,test\n"
)


def test_split_column_is_followed(tmp_path):
    put_images(tmp_path, *(f"{name}.png" for name in "abcdef"))
    split = read_split(write_table(tmp_path / "all.csv", SPLIT_TABLE), None, None, seed=0)
    assert labels(split.train, tmp_path) == {"a.png": 0, "b.png": 1}
    assert labels(split.validation, tmp_path) == {"c.png": 0, "d.png": 1}
    assert split.validation_source == "the column 'split' of all.csv"


def test_split_that_lacks_a_class_is_named(tmp_path):
    put_images(tmp_path, *(f"{name}.png" for name in "abcdef"))
    table = write_table(tmp_path / "all.csv", SPLIT_TABLE.replace("d.png,1,validation", "d.png,1,test"))
    with pytest.raises(DataError, match=r"all.csv \(split validation\) holds 1 image but none that is anomaly"):
        read_split(table, None, None, seed=0)


def test_given_validation_images_go_before_the_split_column(tmp_path):
    put_images(tmp_path, *(f"{name}.png" for name in "abcdef"), "val/good/x.png", "val/bad/y.png")
    table = write_table(tmp_path / "all.csv", SPLIT_TABLE)
    split = read_split(table, tmp_path / "val", None, seed=0)
    assert labels(split.train, tmp_path) == {"a.png": 0, "b.png": 1}
    assert labels(split.validation, tmp_path) == {"val/good/x.png": 0, "val/bad/y.png": 1}
    assert split.validation_source == "given: val"


def test_given_validation_images_leave_all_others_for_training(tmp_path):
    put_images(tmp_path, "train/good/a.png", "train/bad/b.png", "x.png", "y.png")
    table = write_table(tmp_path / "tables" / "val.csv", "image_path,impurity\nx.png,0\ny.png,1\n")
    split = read_split(tmp_path / "train", table, tmp_path, seed=0)
    assert labels(split.train, tmp_path) == {"train/good/a.png": 0, "train/bad/b.png": 1}
    assert labels(split.validation, tmp_path) == {"x.png": 0, "y.png": 1}


# Images to measure a model on


def test_one_split_of_a_table_is_measured_and_never_all_of_them(tmp_path):
    put_images(tmp_path, *(f"{name}.png" for name in "abcdef"))
    table = write_table(tmp_path / "all.csv", SPLIT_TABLE)
    assert labels(read_images(table, None, "test").images, tmp_path) == {"e.png": 0, "f.png": 1}
    assert labels(read_images(table, None, "validation").images, tmp_path) == {"c.png": 0, "d.png": 1}
    with pytest.raises(UsageError, match=r"all\.csv has a column 'split'.*--split train\|validation\|test"):
        read_images(table, None, None)


def test_a_split_that_a_table_does_not_have_is_a_usage_error(four):
    table = write_table(four / "table.csv", "path,label\na.png,0\nb.png,1\n")
    assert labels(read_images(table, None, None).images, four) == {"a.png": 0, "b.png": 1}
    with pytest.raises(UsageError, match=r"--split test was given, but .*has no column 'split'"):
        read_images(table, None, "test")


def test_a_split_without_a_class_is_named(tmp_path):
    put_images(tmp_path, *(f"{name}.png" for name in "abcdef"))
    table = write_table(tmp_path / "all.csv", SPLIT_TABLE.replace("f.png,1", "f.png,0"))
    with pytest.raises(DataError, match=r"\(split test\) holds 2 images but none that is anomaly"):
        read_images(table, None, "test")


@pytest.fixture
def fifty(tmp_path: Path) -> Path:
    """40 normal and 10 anomalous images in folders."""
    folder = tmp_path / "fifty"
    put_images(folder, *(f"class_0/{n:02}.png" for n in range(40)), *(f"class_1/{n:02}.png" for n in range(10)))
    return folder


def test_a_fifth_of_each_class_is_set_aside(fifty):
    split = read_split(fifty, None, None, seed=0)
    assert [sum(p.label == label for p in split.validation) for label in (0, 1)] == [8, 2]
    assert [sum(p.label == label for p in split.train) for label in (0, 1)] == [32, 8]
    assert not set(split.train) & set(split.validation)
    assert split.validation_source == "20% of fifty, set aside with seed 0"


def test_the_same_fifth_is_set_aside_wherever_the_folder_lies(fifty, tmp_path):
    first = labels(read_split(fifty, None, None, seed=0).validation, fifty)
    moved = fifty.rename(tmp_path / "moved")
    assert labels(read_split(moved, None, None, seed=0).validation, moved) == first
    assert labels(read_split(moved, None, None, seed=1).validation, moved) != first


def test_new_images_change_little_of_what_is_set_aside(fifty):
    first = set(labels(read_split(fifty, None, None, seed=0).validation, fifty))
    put_images(fifty, "class_0/new.png")
    assert len(first - set(labels(read_split(fifty, None, None, seed=0).validation, fifty))) <= 1


def test_two_images_of_a_class_are_one_for_each_part_and_one_is_too_few(tmp_path):
    put_images(tmp_path, "good/a.png", "good/b.png", "bad/c.png", "bad/d.png")
    split = read_split(tmp_path, None, None, seed=0)
    assert [len(split.train), len(split.validation)] == [2, 2]
    (tmp_path / "bad/d.png").unlink()
    with pytest.raises(DataError, match="has one image of class_1; at least two are needed"):
        read_split(tmp_path, None, None, seed=0)


def test_data_hash_follows_content_and_labels_and_not_names_or_order(four):
    a, b = LabelledImage(four / "a.png", 0), LabelledImage(four / "b.png", 1)
    original = data_hash([a, b])
    assert data_hash([b, a]) == original
    assert data_hash([a, LabelledImage(b.path, 0)]) != original
    renamed = LabelledImage(a.path.rename(four / "renamed.png"), 0)
    assert data_hash([renamed, b]) == original
    renamed.path.write_bytes(b"other")
    assert data_hash([renamed, b]) != original
