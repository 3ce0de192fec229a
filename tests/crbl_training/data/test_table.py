"""table.py: the same table as spreadsheets, pandas and people write it, read alike or refused with the reason."""

import csv
import io
import os
import unicodedata
from pathlib import Path

import pytest

from crbl_runtime.errors import DataError, UsageError
from crbl_training.data.dataset import read_images
from crbl_training.data.dataset_format import USUAL_FORMAT, DatasetFormat

IMAGES = {"OK/part 1.png": 0, "OK/부품 2.JPG": 0, "NG/part 1.png": 1, "NG/부품 2.JPG": 1}
HEADER = ("image_path", "impurity")
ROWS = [(path, str(label)) for path, label in IMAGES.items()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the images of IMAGES; reading a table does not decode them."""
    for name in IMAGES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def text(rows=ROWS, header=HEADER, delimiter: str = ",", end: str = "\r\n") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows([header, *rows])
    return out.getvalue()


def labelled(*words: str) -> str:
    """The table with these two words for normal and anomaly."""
    return text([(path, words[label]) for path, label in IMAGES.items()])


def read(folder: Path, content: str | bytes, form: DatasetFormat = USUAL_FORMAT) -> tuple[dict[str, int], str | None]:
    """What the table says: each image's label, by its path under the folder, and what was guessed."""
    table = folder / "images.csv"
    table.write_bytes(content if isinstance(content, bytes) else content.encode())
    listing = read_images(table, None, None, form)
    return {image.path.relative_to(folder).as_posix(): image.label for image in listing.images}, listing.reading


@pytest.mark.parametrize(
    "content",
    [
        text(),
        text().encode("utf-8-sig"),
        text(end="\r"),
        text() + "\x1a",
        "sep=,\r\n" + text(),
        '"sep=,"\r\n' + text(),
        text(header=("Image_Path", "IMPURITY")),
        text(header=("image path", " Impurity ")),
        text(header=("\ufeffimage-path", "impurity\xa0")),
        text([(path, f" {label}\xa0") for path, label in ROWS]),
        text([(f"\u202a{path}", label) for path, label in ROWS]),
        text([(f'"{path}"', label) for path, label in ROWS]),
        text(header=(*HEADER, "", ""), rows=[(*row, "", "") for row in ROWS]),
        text(rows=[(*row, "", "") for row in ROWS]),
        text(header=("", *HEADER), rows=[(0, *row) for row in ROWS]),
        text(header=("Unnamed: 0", *HEADER), rows=[(0, *row) for row in ROWS]),
        text(header=(*HEADER, "remarks; by Kim"), rows=[(*row, "a;b;c") for row in ROWS]),
        text(header=("image", *HEADER), rows=[("", *row) for row in ROWS]),
        text(header=("path", *HEADER), rows=[(row[0], *row) for row in ROWS]),
    ],
)  # fmt: skip
def test_forms_that_need_no_guess_are_read_without_a_word(folder, content):
    assert read(folder, content) == (IMAGES, None)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (text(delimiter=";"), "read with ';'"),
        (text(delimiter="\t"), "read with tabs"),
        (text(delimiter="|"), "read with '|'"),
        ("sep=;\n" + text(delimiter=";"), "read with ';'"),
        ("SEP=#\n" + text(delimiter="#"), "read with '#'"),
        (text(header=(*HEADER, "a, b, c, d, e"), rows=[(*row, "") for row in ROWS], delimiter=";"), "read with ';'"),
        (text().encode("cp949"), "read as cp949"),
        (text().encode("gb18030"), "read as gb18030"),
        (text().encode("utf-16"), "read as utf-16-le"),
        (b"\xfe\xff" + text().encode("utf-16-be"), "read as utf-16-be"),
        (text().encode("utf-16-le"), "read as utf-16-le"),
        (text().encode("utf-16-be"), "read as utf-16-be"),
        (text(delimiter="\t").encode("utf-16"), "read as utf-16-le with tabs"),
        (text(delimiter=";", header=("파일명", "판정")).encode("cp949"),
         "read as cp949 with ';', columns 파일명 and 판정"),
        (text(header=("filename", "class")), "columns filename and class"),
        (text(header=("File Name", "Target")), "columns File Name and Target"),
        (text() + ",\r\n , \r\n\r\n", "3 empty rows left out"),
        (text(end="\r\r\n"), "5 empty rows left out"),
        ("\r\n,\r\n" + text(), None),
        (text(header=("", *HEADER), rows=[("0", *row) for row in ROWS]) + "7,,\r\n", "1 empty row left out"),
        (text([*ROWS, ROWS[0], ROWS[3]]), "2 repeated rows left out"),
    ],
)  # fmt: skip
def test_what_was_guessed_or_left_out_is_told(folder, content, told):
    assert read(folder, content) == (IMAGES, told and f"images.csv: {told}")


def test_western_and_japanese_code_pages_are_told_apart_by_the_names_in_the_folder(tmp_path):
    for number, (name, encoding) in enumerate([("Prüfung/größe.png", "cp1252"), ("検査/部品.png", "cp932")]):
        folder = tmp_path / str(number)
        (folder / name).parent.mkdir(parents=True)
        for file in (name, "b.png"):
            (folder / file).write_bytes(b"")
        content = f"path,label\n{name},0\nb.png,1\n".encode(encoding)
        assert read(folder, content) == ({name: 0, "b.png": 1}, f"images.csv: read as {encoding}")


def test_words_for_labels_tell_code_pages_apart_too(folder):
    rows = [(path, ("良品", "不良")[label]) for path, label in IMAGES.items() if path.isascii()]
    expected = {path: label for path, label in IMAGES.items() if path.isascii()}
    assert read(folder, text(rows).encode("cp932")) == (
        expected,
        "images.csv: read as cp932, 良品 = normal, 不良 = anomaly",
    )


@pytest.mark.parametrize(
    ("normal", "anomaly"),
    [
        *[("0.0", "1.0"), ("0.00", "1."), ("0,0", "1,0"), ("0.0E+00", "1.0E+00"), ("FALSE", "TRUE"), ("no", "Yes")],
        *[("OK", "NG"), ("ok ", "ng"), ("ＯＫ", "ＮＧ"), ("Normal", "Abnormal"), ("normal", "anomalous")],
        *[("GOOD", "bad"), ("Pass", "FAIL"), ("class_0", "Class 1"), ("정상", "불량"), ("양품", "불량품")],
        *[("합격", "불합격"), ("正常", "異常")],
    ],
)  # fmt: skip
def test_words_for_labels(folder, normal, anomaly):
    images, told = read(folder, labelled(normal, anomaly))
    assert images == IMAGES
    assert told is not None
    assert (f"{normal.strip()} = normal" in told) == (normal != "normal")
    assert f"{anomaly} = anomaly" in told


@pytest.mark.parametrize(("normal", "anomaly"), [("0", "1"), ("normal", "anomaly")])
def test_plain_labels_need_no_mention(folder, normal, anomaly):
    assert read(folder, labelled(normal, anomaly)) == (IMAGES, None)


def test_hangul_labels_that_macos_took_apart(folder):
    apart = [unicodedata.normalize("NFD", word) for word in ("정상", "불량")]
    assert read(folder, labelled(*apart))[0] == IMAGES


@pytest.mark.parametrize(
    ("words", "form"),
    [
        (("A", "B"), DatasetFormat(normal_labels=("a",), anomaly_labels=("b",))),
        (("OK", "scratch"), DatasetFormat(anomaly_labels=("dent", "Scratch"))),
        (("1", "0"), DatasetFormat(normal_labels=("1",), anomaly_labels=("0",))),
        (("1.0", "-1"), DatasetFormat(normal_labels=("1",), anomaly_labels=("-1",))),
        (("x", "NG"), DatasetFormat(normal_labels=("x",))),
    ],
)
def test_labels_that_the_user_names_go_before_all_others(folder, words, form):
    assert read(folder, labelled(*words), form)[0] == IMAGES


def test_named_columns_go_before_all_others(folder):
    rows = [("x", "1", path, label) for path, label in ROWS]
    content = text(rows, header=("path", "label", "Bild", "Urteil"))
    form = DatasetFormat(image_column="bild", label_column="URTEIL")
    assert read(folder, content, form) == (IMAGES, None)
    with pytest.raises(UsageError, match=r"--label-column is verdict, but .* path, label, Bild, Urteil\. Name one"):
        read(folder, content, DatasetFormat(image_column="Bild", label_column="verdict"))


def test_splits_in_other_words_and_any_case(folder):
    words = ("Training", "DEV", "val", "Valid")
    rows = [(*row, word) for row, word in zip(ROWS, words, strict=True)]
    table = folder / "images.csv"
    table.write_text(text(rows, header=(*HEADER, " Split")), encoding="utf-8")
    held_out = read_images(table, None, "validation").images
    assert [image.path.relative_to(folder).as_posix() for image in held_out] == list(IMAGES)[1:]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (text([*ROWS, ("OK/part 1.png", "1")]), "OK/part 1.png is normal in line 2 and anomaly in line 6"),
        (text([*ROWS, ("OK\\part 1.png", "1")]), r"OK\\part 1.png is normal in line 2 and anomaly in line 6"),
        (text([*ROWS, ("./OK/part 1.png", "1")]), "OK/part 1.png is normal in line 2 and anomaly in line 6"),
        (text([(*row, "train") for row in ROWS] + [(*ROWS[0], "test")], header=(*HEADER, "split")),
         r"in the splits train and test \(lines 2 and 6\)"),
        (labelled("A", "B"),
         r"line 2: the label is 'A', .* Unknown, too: 'B' \(line 4\)\. .*--normal-label and --anomaly-label"),
        (labelled("OK", "N"), "line 4: the label is 'N', expected"),
        (labelled("1", "-1"), "line 4: the label is '-1', expected"),
        (labelled("0", ""), "line 4: the label is empty"),
        (text(header=("image_path", "is_anomaly")),
         "columns image_path, is_anomaly, expected one named impurity or label"),
        (text(header=("image", *HEADER), rows=[("a.png", *row) for row in ROWS]),
         "image and image_path, and they differ.*--image-column"),
        (text(header=(*HEADER, "class"), rows=[(*row, "0") for row in ROWS]),
         "impurity and class, and they differ.*--label-column"),
        (text(header=(*HEADER, "impurity"), rows=[(*row, "0") for row in ROWS]),
         "impurity and impurity, and they differ"),
        (text().split("\r\n", 1)[1], "begins with an image and has no header line"),
        ('image_path,impurity\n"OK/part 1.png,0\nNG/part 1.png,1\n',
         "line 3: this is no row of a table .*quotation mark"),
        ("image_path,impurity\nOK/part,1.png,0\n", "line 2: there are 3 cells and the header has 2"),
        ("image_path;impurity\r\n;\r\n", "has no rows"),
        ("image_path,impurity\r\n", "has no rows"),
        (b"PK\x03\x04 and more", r"is a workbook \(.xlsx or .ods\), expected a table as text. Save it as 'CSV UTF-8'"),
        (b"\xd0\xcf\x11\xe0 and more", r"is a workbook \(.xls\)"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "cannot be read as text"),
        (text([("OK/없음.png", "0"), *ROWS]).encode("cp949"),
         r"no file for 1 of 5 images \(line 2: OK/없음.png\)\. The table was read as cp949"),
    ],
)  # fmt: skip
def test_tables_that_contradict_themselves_or_leave_a_guess_are_refused(folder, content, message):
    with pytest.raises(DataError, match=message):
        read(folder, content)


@pytest.mark.parametrize("column", ["ok", "is_normal", "IsGood", "정상여부"])
def test_one_is_not_taken_for_an_anomaly_in_a_column_that_says_normal(folder, column):
    content = text([(path, "01"[label == "0"]) for path, label in ROWS], header=("path", column))
    with pytest.raises(DataError, match=f"in the column {column} it is not clear which class '1' is"):
        read(folder, content, DatasetFormat(label_column=column))
    told = DatasetFormat(label_column=column, normal_labels=("1",), anomaly_labels=("0",))
    assert read(folder, content, told)[0] == IMAGES


def test_options_that_contradict_themselves_are_refused():
    with pytest.raises(UsageError, match="both name 'ok'"):
        DatasetFormat(normal_labels=("OK",), anomaly_labels=("ok",))
    for classes in (("OK",), ("OK", "ok"), ("OK", "NG", "NG")):
        with pytest.raises(UsageError, match="--classes is OK"):
            DatasetFormat(classes=classes)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no names with backslashes")
def test_a_path_that_exists_as_written_is_taken_as_written(folder):
    (folder / "OK\\part 1.png").write_bytes(b"")
    images, told = read(folder, text([*ROWS, ("OK\\part 1.png", "1")]))
    assert images == IMAGES | {"OK\\part 1.png": 1}
    assert told is None
