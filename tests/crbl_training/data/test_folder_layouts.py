"""Folders as public datasets have them: what is read, with its kind and split, and what is refused with the remedy."""

from pathlib import Path

import pytest

from crbl_runtime.errors import DataError, UsageError
from crbl_runtime.left_out import left_out_lines
from crbl_training.data.dataset import Split, read_images, read_split
from crbl_training.data.dataset_format import DatasetFormat


def put(folder: Path, *names: str) -> Path:
    """Files with the names of images; reading a data set does not decode them."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def several(folder: str, count: int, ending: str = ".png") -> list[str]:
    return [f"{folder}/{number:03}{ending}" for number in range(count)]


def found(source: Path, *classes: str, split: str | None = None) -> dict[str, tuple[int, str]]:
    """Label and kind of each image, by its path."""
    images = read_images(source, None, split, DatasetFormat(classes=classes)).images
    folder = source if source.is_dir() else source.parent
    return {image.path.relative_to(folder).as_posix(): (image.label, image.kind) for image in images}


def told(source: Path, *classes: str, split: str | None = None) -> str | None:
    return read_images(source, None, split, DatasetFormat(classes=classes)).reading


# Several kinds of anomaly beside one folder of normal images


def test_the_kind_of_an_anomaly_is_its_folder(tmp_path):
    put(tmp_path, "good/a.png", "scratch/b.png", "dent_large/deep/c.png")
    assert found(tmp_path) == {
        "good/a.png": (0, ""),
        "dent_large/deep/c.png": (1, "dent_large"),
        "scratch/b.png": (1, "scratch"),
    }


def test_the_kind_is_the_folder_below_where_the_upper_one_names_the_class_alone(tmp_path):
    put(tmp_path, "OK/x/a.png", "NG/b.png", "NG/scratch/c.png", "NG/images/dent/d.png", "NG/dent/deep/e.png")
    kinds = {path: kind for path, (label, kind) in found(tmp_path).items() if label}
    assert kinds == {
        "NG/b.png": "",
        "NG/scratch/c.png": "scratch",
        "NG/images/dent/d.png": "dent",
        "NG/dent/deep/e.png": "dent",
    }
    assert all(kind == "" for label, kind in found(tmp_path).values() if not label)


@pytest.mark.parametrize(
    "other", ["unsure", "background", "color", "scratch_unsure", "no_scratch", "reference", "기타"]
)
def test_a_folder_that_may_be_no_anomaly_is_never_one_by_itself(tmp_path, other):
    put(tmp_path, "good/a.png", "scratch/b.png", f"{other}/c.png")
    with pytest.raises(DataError, match=f"has {other} beside good and scratch.*--classes good,scratch,{other}; others"):
        found(tmp_path)
    assert found(tmp_path, "good", "scratch") == {"good/a.png": (0, ""), "scratch/b.png": (1, "scratch")}


def test_masks_are_no_images(tmp_path):
    masks = ("mask/crack/c.png", "crack/c_mask.png", "crack/gt/c.png", "good/deep/Label/a_label.png")
    put(tmp_path, "good/deep/a.png", "crack/c.png", "crack/lone_mask.png", *masks)
    assert found(tmp_path) == {
        "good/deep/a.png": (0, ""),
        "crack/c.png": (1, "crack"),
        "crack/lone_mask.png": (1, "crack"),
    }
    assert told(tmp_path).endswith("crack = anomaly, 3 masks left out, the masks in mask left out")
    assert left_out_lines(read_images(tmp_path, None, None).left_out) == []


def test_a_class_folder_of_masks_alone_is_refused(tmp_path):
    put(tmp_path, "good/a.png", "bad/gt/a.png")
    with pytest.raises(DataError, match=r"bad holds 1 mask and no other image"):
        found(tmp_path)


# MVTec AD and its like


@pytest.fixture
def mvtec(tmp_path: Path) -> Path:
    """MVTec AD's layout: 20 images in train/good; in test 8 good, 6 with a fold, 4 with oil and 1 torn."""
    kinds = {"fold": 6, "oil": 4, "torn": 1}
    test = [name for kind, count in kinds.items() for name in several(f"test/{kind}", count)]
    masks = [name for kind, count in kinds.items() for name in several(f"ground_truth/{kind}", count, "_mask.png")]
    return put(tmp_path / "tile", *several("train/good", 20), *several("test/good", 8), *test, *masks, "license.txt")


def test_the_splits_and_kinds_of_mvtec_are_read_and_masks_are_not(mvtec):
    images = found(mvtec, split="test")
    assert len(images) == 19
    assert not any("ground_truth" in path for path in images)
    assert {path.split("/")[1]: entry for path, entry in images.items()} == {
        "good": (0, ""),
        "fold": (1, "fold"),
        "oil": (1, "oil"),
        "torn": (1, "torn"),
    }
    expected = "tile: splits train and test, good = normal, fold and oil and torn = anomaly, "
    assert told(mvtec, split="test") == f"{expected}the masks in ground_truth left out"
    with pytest.raises(UsageError, match=r"tile has images for train and test\. Choose the images with --split"):
        found(mvtec)


def test_training_without_anomalies_is_refused_with_the_option_that_helps(mvtec):
    with pytest.raises(
        DataError, match=r"no anomalies among its 20 training images.*hold 11 anomalies: --split-test 0"
    ):
        read_split(mvtec, None, None, 0)


def counts(images: tuple) -> dict[str, int]:
    names = [image.kind or "normal" for image in images]
    return {name: names.count(name) for name in sorted(set(names))}


def test_a_share_of_each_kind_of_test_image_is_trained_on_and_the_rest_held_out(mvtec):
    split = read_split(mvtec, None, None, 3, test_share=0.5)
    assert counts(split.held_out) == {"fold": 3, "normal": 4, "oil": 2, "torn": 1}
    assert counts(split.train + split.validation) == {"fold": 3, "normal": 24, "oil": 2}
    assert [sum(image.label == label for image in split.validation) for label in (0, 1)] == [5, 1]
    parts = [{image.path for image in part} for part in (split.train, split.validation, split.held_out)]
    assert len(set().union(*parts)) == sum(map(len, parts)) == 39
    source = "20% of the split train of tile with 50% of its test images, set aside with seed 3"
    assert split.validation_source == source


def test_the_share_is_the_same_for_the_same_seed_wherever_the_folder_lies(mvtec, tmp_path):
    def held_out(folder: Path, seed: int) -> set[str]:
        images = read_split(folder, None, None, seed, test_share=0.5).held_out
        return {image.path.relative_to(folder).as_posix() for image in images}

    first = held_out(mvtec, 0)
    moved = mvtec.rename(tmp_path / "moved")
    assert held_out(moved, 0) == first
    assert held_out(moved, 1) != first


@pytest.mark.parametrize("share", [0.01, 0.99])
def test_the_smallest_and_the_largest_share_leave_one_image_of_each_kind_on_either_side(mvtec, share):
    split = read_split(mvtec, None, None, 0, test_share=share)
    assert counts(split.held_out).keys() == {"fold", "normal", "oil", "torn"}
    assert counts(split.train + split.validation).keys() == {"fold", "normal", "oil"}


def test_kinds_of_one_image_each_are_shared_out_together(tmp_path):
    kinds = ("fold", "oil", "torn", "glue", "print", "hole")
    put(tmp_path, *several("train/good", 8), *several("test/good", 4), *(f"test/{kind}/0.png" for kind in kinds))
    split = read_split(tmp_path, None, None, 0, test_share=0.5)
    assert [sum(image.label for image in part) for part in (split.held_out, split.train + split.validation)] == [3, 3]


def test_given_validation_images_leave_the_share_for_training(mvtec, tmp_path):
    validation = put(tmp_path / "val", "good/x.png", "bad/y.png")
    split = read_split(mvtec, validation, None, 0, test_share=0.5)
    assert counts(split.train) == {"fold": 3, "normal": 24, "oil": 2}
    assert len(split.validation) == 2
    assert len(split.held_out) == 10


def test_a_share_of_no_test_images_is_a_usage_error(tmp_path):
    put(tmp_path, "good/a.png", "good/b.png", "bad/c.png", "bad/d.png")
    with pytest.raises(UsageError, match=r"--split-test takes a share of the test images, and .* has none\."):
        read_split(tmp_path, None, None, 0, test_share=0.5)


def test_too_few_test_images_for_training_validation_and_test_are_refused(tmp_path):
    put(tmp_path, *several("train/good", 4), *several("test/good", 2), *several("test/scratch", 2))
    with pytest.raises(DataError, match=r"with 50% of its test images has one image of class_1; at least two .*--val"):
        read_split(tmp_path, None, None, 0, test_share=0.5)


def test_validation_images_without_anomalies_are_trained_on_as_those_of_mvtec_loco(tmp_path):
    put(tmp_path, *several("train/good", 6), *several("validation/good", 4), *several("test/good", 4))
    put(tmp_path, *several("test/logical_anomalies", 6), "ground_truth/logical_anomalies/000/000.png")
    with pytest.raises(DataError, match="--split-test"):
        read_split(tmp_path, None, None, 0)
    split = read_split(tmp_path, None, None, 0, test_share=0.5)
    assert counts(split.train + split.validation) == {"logical_anomalies": 3, "normal": 12}


def test_class_folders_in_train_and_test_need_no_option(tmp_path):
    """As VisA's own program writes them for two classes: ground_truth has a level more."""
    put(
        tmp_path,
        *several("train/good", 10),
        *several("train/bad", 5),
        *several("test/good", 3),
        *several("test/bad", 3),
    )
    put(tmp_path, "ground_truth/train/bad/000.png", "ground_truth/test/bad/000.png")
    split = read_split(tmp_path, None, None, 0)
    assert [len(split.train), len(split.validation), split.held_out] == [12, 3, ()]
    assert split.validation_source == f"20% of the split train of {tmp_path.name}, set aside with seed 0"
    assert len(found(tmp_path, split="test")) == 6


def test_folders_for_validation_are_the_validation_images(tmp_path):
    put(tmp_path, "Training/OK/a.png", "Training/NG/b.png", "val/OK/c.png", "val/NG/scratch/d.png")
    split: Split = read_split(tmp_path, None, None, 0)
    assert [image.path.name for image in split.train] == ["a.png", "b.png"]
    assert [(image.path.name, image.kind) for image in split.validation] == [("c.png", ""), ("d.png", "scratch")]
    assert split.validation_source == f"the folders of {tmp_path.name}"
    put(tmp_path, "validation/OK/e.png")
    with pytest.raises(DataError, match="has the folders val, validation, which are both for validation"):
        read_split(tmp_path, None, None, 0)


@pytest.mark.parametrize("other", ["unsure", "background", "미분류"])
def test_a_folder_of_unjudged_images_is_no_kind_in_mvtecs_layout_either(mvtec, other):
    put(mvtec, f"test/{other}/000.png")
    with pytest.raises(DataError, match=f"has {other} beside good and fold.*--classes good,fold,oil,torn,{other}"):
        found(mvtec, split="test")
    without = found(mvtec, "good", "fold", "oil", split="test")
    assert {kind for _, kind in without.values()} == {"", "fold", "oil"}
    names = ", ".join(sorted(["torn", other]))
    assert f"2 folders left out ({names})" in told(mvtec, "good", "fold", "oil", split="test")


def test_an_unknown_folder_beside_one_of_all_anomalies_is_refused_in_splits_too(tmp_path):
    put(tmp_path, "train/normal/a.png", "train/anomaly/b.png", "test/normal/c.png", "test/borderline/d.png")
    with pytest.raises(DataError, match="has borderline beside normal and anomaly"):
        found(tmp_path, split="train")


def test_splits_without_a_folder_of_normal_images_are_named(tmp_path):
    put(tmp_path, "train/parts/a.png", "test/scratch/b.png")
    with pytest.raises(DataError, match=r"no folder of normal images, such as train/good; they have parts, scratch"):
        found(tmp_path, split="train")


def test_the_folder_of_a_whole_benchmark_is_refused_with_its_objects(mvtec):
    put(mvtec.parent, *several("wood/train/good", 1), *several("wood/test/good", 1), "readme.txt")
    with pytest.raises(DataError, match=r"holds several data sets \(tile, wood\), expected the folder of one: .*tile"):
        found(mvtec.parent)


def test_the_test_folder_alone_needs_the_names_of_what_is_no_flaw_by_its_name(mvtec):
    with pytest.raises(DataError, match=r"has fold, oil beside good and torn.*--classes good,torn,fold,oil"):
        found(mvtec / "test")
    assert len(found(mvtec / "test", "good", "torn", "fold", "oil")) == 19


# VisA


@pytest.fixture
def visa(tmp_path: Path) -> Path:
    """VisA with one object, two splits and the kinds of its anomalies."""
    root = tmp_path / "VisA"
    normal, anomaly, masks = "candle/Data/Images/Normal", "candle/Data/Images/Anomaly", "candle/Data/Masks/Anomaly"
    put(root, *several(normal, 6, ".JPG"), *several(anomaly, 4, ".JPG"), *several(masks, 4))
    kinds = ["melt", '"melt, scratch"', "anomaly", "melt"]
    rows = [f"{normal}/{number:03}.JPG,normal," for number in range(6)]
    rows += [f"{anomaly}/{number:03}.JPG,{kind},{masks}/{number:03}.png" for number, kind in enumerate(kinds)]
    (root / "candle/image_anno.csv").write_text("\n".join(["image,label,mask", *rows, ""]))
    (root / "split_csv").mkdir()
    one = [f"candle,{'train' if number < 4 else 'test'},normal,{normal}/{number:03}.JPG," for number in range(6)]
    one += [f"candle,test,anomaly,{anomaly}/{number:03}.JPG,{masks}/{number:03}.png" for number in range(4)]
    (root / "split_csv/1cls.csv").write_text("\n".join(["object,split,label,image,mask", *one, ""]))
    two = [row.replace("test,anomaly", "train,anomaly") if "001" in row or "002" in row else row for row in one]
    (root / "split_csv/2cls_fewshot.csv").write_text("\n".join(["object,split,label,image,mask", *two, ""]))
    return root


def test_an_object_of_visa_is_read_with_the_kinds_of_its_anomalies(visa):
    images = found(visa / "candle")
    assert [entry for entry in images.values() if entry[0]] == [(1, "melt"), (1, "melt, scratch"), (1, ""), (1, "melt")]
    assert len(images) == 10
    assert not any("Masks" in path for path in images)
    assert told(visa / "candle") == "candle: kinds of anomaly by image_anno.csv"
    (visa / "candle/image_anno.csv").unlink()
    assert {kind for _, kind in found(visa / "candle").values()} == {""}


def test_the_folder_of_all_objects_is_refused(visa):
    with pytest.raises(DataError, match=r"VisA holds a data set \(candle\), expected the folder of one"):
        found(visa)


def test_visas_tables_need_no_option_to_find_the_images(visa):
    table = visa / "split_csv/2cls_fewshot.csv"
    split = read_split(table, None, None, 0)
    assert sorted(image.path.name for image in split.train + split.validation if image.label) == ["001.JPG", "002.JPG"]
    assert split.validation_source == "20% of the split train of 2cls_fewshot.csv, set aside with seed 0"
    assert len(read_images(table, None, "test").images) == 4


def test_visas_table_for_one_class_offers_the_share_of_test_images(visa):
    table = visa / "split_csv/1cls.csv"
    with pytest.raises(DataError, match=r"1cls\.csv has no anomalies among its 4 training images.*--split-test 0\.5"):
        read_split(table, None, None, 0)
    split = read_split(table, None, None, 0, test_share=0.5)
    assert (len(split.train) + len(split.validation), len(split.held_out)) == (7, 3)


# anomalib's Folder


@pytest.mark.parametrize("ending", ["", "_dir"])
def test_anomalibs_folders_are_read_with_its_splits(tmp_path, ending):
    put(tmp_path, *several(f"normal{ending}", 5), *several(f"normal_test{ending}", 2), *several(f"abnormal{ending}", 4))
    put(tmp_path, *several(f"mask{ending}/abnormal", 4))
    with pytest.raises(DataError, match=r"no anomalies among its 5 training images.*--split-test"):
        read_split(tmp_path, None, None, 0)
    split = read_split(tmp_path, None, None, 0, test_share=0.5)
    assert [len(split.train) + len(split.validation), len(split.held_out)] == [8, 3]
    assert f"all but normal{ending} for testing, the masks in mask{ending} left out" in split.readings[0]


def test_anomalibs_folders_without_a_folder_for_testing_are_class_folders(tmp_path):
    put(tmp_path, "good/a.jpg", "crack/b.jpg", "colour/c.jpg", "mask/crack/b.jpg")
    with pytest.raises(DataError, match="has colour beside good and crack"):
        found(tmp_path)
    assert len(found(tmp_path, "good", "crack", "colour")) == 3


def test_anomalibs_folders_with_an_unknown_or_without_a_normal_one_are_refused(tmp_path):
    put(tmp_path, "good_test/a.png", "crack/b.png")
    with pytest.raises(DataError, match="no folder with normal images to train on"):
        read_split(tmp_path, None, None, 0)
    put(tmp_path, "good/a.png", "unsure/a.png")
    with pytest.raises(DataError, match="has unsure beside good and crack"):
        read_split(tmp_path, None, None, 0)
