"""class_folders.py: class folders as people name them, and a clear word on every other folder."""

import unicodedata
from pathlib import Path

import pytest

from crbl_runtime.errors import DataError
from crbl_training.data.dataset import read_images
from crbl_training.data.dataset_format import DatasetFormat


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def read(folder: Path, *classes: str) -> tuple[dict[str, int], str | None]:
    """Each image's label by its path, and what was guessed or left out."""
    listing = read_images(folder, None, None, DatasetFormat(classes=classes))
    return {image.path.relative_to(folder).as_posix(): image.label for image in listing.images}, listing.reading


@pytest.mark.parametrize(
    ("normal", "anomaly"),
    [("class_0", "class_1"), ("normal", "anomaly"), ("good", "bad"), ("Normal", "ANOMALY"), ("Class_0", "CLASS_1")],
)
def test_documented_names_need_no_mention_in_any_case(tmp_path, normal, anomaly):
    put(tmp_path, f"{normal}/a.png", f"{anomaly}/b.png")
    assert read(tmp_path) == ({f"{normal}/a.png": 0, f"{anomaly}/b.png": 1}, None)


@pytest.mark.parametrize(
    ("normal", "anomaly"),
    [
        *[("OK", "NG"), ("ok", "ng"), ("Pass", "Fail"), ("0", "1"), ("정상", "불량"), ("양품", "불량품")],
        *[("0_normal", "1_anomaly"), ("01. OK", "02. NG"), ("1_good", "0_bad"), ("class 0", "class 1")],
        *[("normal", "Abnormal"), ("good", "defective")],
    ],
)
def test_usual_names_are_known_and_told(tmp_path, normal, anomaly):
    put(tmp_path, f"{normal}/a.png", f"{anomaly}/b.png")
    images, told = read(tmp_path)
    assert images == {f"{normal}/a.png": 0, f"{anomaly}/b.png": 1}
    assert told == f"{tmp_path.name}: {normal} = normal, {anomaly} = anomaly"


def test_hangul_names_that_macos_took_apart(tmp_path):
    normal, anomaly = (unicodedata.normalize("NFD", name) for name in ("정상", "불량"))
    put(tmp_path, f"{normal}/a.png", f"{anomaly}/b.png")
    assert list(read(tmp_path)[0].values()) == [0, 1]
    assert list(read(tmp_path, "정상", "불량")[0].values()) == [0, 1]


@pytest.mark.parametrize("third", ["borderline", "Scratch/deep", "unlabelled"])
def test_a_third_folder_is_named_with_the_option(tmp_path, third):
    put(tmp_path, "normal/a.png", "anomaly/b.png", f"{third}/c.png")
    name = third.split("/")[0]
    with pytest.raises(DataError, match=f"has {name} beside normal and anomaly.*--classes normal,anomaly,{name}"):
        read(tmp_path)
    as_anomaly = read(tmp_path, "normal", "anomaly", name)
    assert as_anomaly == ({"normal/a.png": 0, "anomaly/b.png": 1, f"{third}/c.png": 1}, None)
    left_out = read(tmp_path, "normal", "anomaly")
    expected = {"normal/a.png": 0, "anomaly/b.png": 1}
    assert left_out == (expected, f"{tmp_path.name}: 1 folder left out ({name})")


@pytest.mark.parametrize(
    "other", [".thumbnails/a.png", "@eaDir/a.png", "__MACOSX/a.png", "$RECYCLE.BIN/a.png", "notes/a.txt", "good/a.txt"]
)
def test_folders_without_images_and_those_of_the_system_are_no_class(tmp_path, other):
    put(tmp_path, "normal/a.png", "anomaly/b.png", other)
    assert read(tmp_path) == ({"normal/a.png": 0, "anomaly/b.png": 1}, None)


def test_two_pairs_are_named_and_one_is_chosen(tmp_path):
    put(tmp_path, "normal/a.png", "anomaly/b.png", "good/c.png", "bad/d.png")
    with pytest.raises(DataError, match=r"class folders good, normal, anomaly, bad\. Say which to use with --classes"):
        read(tmp_path)
    images, told = read(tmp_path, "good", "bad")
    assert images == {"good/c.png": 0, "bad/d.png": 1}
    assert told == f"{tmp_path.name}: 2 folders left out (anomaly, normal)"


def test_several_kinds_of_defects_as_in_mvtec(tmp_path):
    put(tmp_path, "good/a.png", "scratch/b.png", "dent/c.png")
    expected = {"good/a.png": 0, "scratch/b.png": 1, "dent/c.png": 1}
    assert read(tmp_path) == (expected, f"{tmp_path.name}: good = normal, dent and scratch = anomaly")
    assert read(tmp_path, "GOOD", "scratch", "dent")[0] == {"good/a.png": 0, "scratch/b.png": 1, "dent/c.png": 1}


@pytest.mark.parametrize(
    ("there", "lacking"),
    [
        *[("good", "bad with anomalies"), ("OK", "NG with anomalies"), ("0_normal", "anomaly with anomalies")],
        *[("NG", "OK with normal images"), ("불량", "정상 with normal images")],
    ],
)
def test_a_class_that_is_not_there_is_named(tmp_path, there, lacking):
    put(tmp_path, f"{there}/a.png")
    with pytest.raises(DataError, match=f"has no folder {lacking} beside {there}. Both classes are needed"):
        read(tmp_path)


def test_folders_that_are_no_classes_are_named(tmp_path):
    put(tmp_path, "monday/good/a.png", "tuesday/good/b.png")
    with pytest.raises(DataError, match=r"no class folders\. .*--classes NORMAL,ANOMALY.* It has monday, tuesday\."):
        read(tmp_path)


def test_a_named_class_without_a_folder_is_refused(tmp_path):
    put(tmp_path, "good/a.png", "bad/b.png")
    with pytest.raises(DataError, match=r"no folder scratch, which --classes names\. It has bad, good\."):
        read(tmp_path, "good", "scratch")
