"""data_overview.py, shown_images.py, pictures.py: what a report says and shows of the images."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from crbl_runtime.left_out import LeftOut, Reason
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.data.augmentation import STRONG, augment
from crbl_training.data.dataset import LabelledImage, Split
from crbl_training.data.leakage import Duplicate, Leakage
from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.report.data_overview import data_overview
from crbl_training.report.pictures import Pictures
from crbl_training.report.shown_images import choose_images
from crbl_training.seeds import derive_seed

SPEC = PreprocessingSpec("whole", image_size=32)
HOSTILE = "<img src=x onerror=alert(1)> \u202egnp\udcff.png"
NO_LEAKAGE = Leakage((), (), ())


def dataset(count: int, seed: int) -> PreparedDataset:
    """Coloured squares; every other image is an anomaly, of three kinds in turn, and each file has another size."""
    squares = torch.randint(0, 256, (count, 2, 2, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    images = squares.repeat_interleave(16, dim=1).repeat_interleave(16, dim=2)
    labels = torch.arange(count).remainder(2).float()
    kinds = tuple(("", "scratch", "", "dent", "", "")[number % 6] for number in range(count))
    paths = tuple(Path(f"set {seed}") / f"{number}.png" for number in range(count))
    sizes = tuple((100 + number, 80) for number in range(count))
    return PreparedDataset(images, labels, paths, 3, kinds=kinds, sizes=sizes)


@pytest.fixture
def train_set() -> PreparedDataset:
    images = dataset(40, seed=1)
    skipped = tuple(f"{HOSTILE} {number}: no image" for number in range(30))
    return replace(images, skipped=skipped, paths=(Path(HOSTILE), *images.paths[1:]), sizes=((640, 480),) * 40)


@pytest.fixture
def validation_set() -> PreparedDataset:
    return dataset(6, seed=2)


def overview(train_set, validation_set, pictures, leakage=NO_LEAKAGE, augmentation="none", held_out=()):
    left_out = (LeftOut(Path("data"), ((Reason.HIDDEN_FILE, Path(".a.png")),), 0),)
    split = Split((), (), "given: v.csv", ("v.csv: read as cp949",), left_out, held_out)
    return data_overview(train_set, validation_set, split, SPEC, leakage, augmentation, 7, pictures)


def test_counts_sizes_kinds_and_what_was_left_out(train_set, validation_set):
    found = overview(train_set, validation_set, Pictures(), held_out=(LabelledImage(Path("t.png"), 1, "dent"),))
    training, validation = found["training"], found["validation"]
    assert (training["normal"], training["anomalous"], training["regions_missing"]) == (20, 20, 3)
    kinds = {each["kind"]: each["images"] for each in training["kinds"]}
    assert kinds == Counter(kind for kind, label in zip(train_set.kinds, train_set.labels, strict=True) if label)
    assert training["sizes"] == {
        "different": 1, "usual": [640, 480], "usual_images": 40, "smallest": [640, 480], "largest": [640, 480],
    }  # fmt: skip
    assert (validation["sizes"]["smallest"], validation["sizes"]["largest"]) == ([100, 80], [105, 80])
    assert (len(training["skipped"]), training["skipped_in_all"], validation["skipped"]) == (20, 30, [])
    assert (found["image_size"], found["region"], found["validation_source"]) == (32, "whole", "given: v.csv")
    assert found["readings"] == ["v.csv: read as cp949"]
    assert found["left_out"] == ["Left out of data: 1 hidden file (.a.png)"]
    assert found["held_out"] == {"normal": 0, "anomalous": 1}
    without = replace(validation_set, sizes=(), kinds=())
    nothing = overview(train_set, without, Pictures())
    assert (nothing["validation"]["sizes"], nothing["validation"]["kinds"], nothing["held_out"]) == (None, [], None)


def test_twelve_images_of_each_class_are_shown_as_the_network_sees_them(train_set, validation_set):
    pictures = Pictures()
    found = overview(train_set, validation_set, pictures)
    for label, name in enumerate(("normal", "anomalous")):
        shown = found["examples"][name]
        assert len({example["number"] for example in shown}) == 12
        for example in shown:
            assert train_set.labels[example["number"]] == label
            assert example["path"] == str(train_set.paths[example["number"]])
            assert example["kind"] == train_set.kinds[example["number"]]
            difference = decoded(pictures.files[example["picture"]]) - train_set.images[example["number"]].numpy()
            assert np.abs(difference).mean() < 10
    assert found["augmentation"] == {"name": "none", "views": []}
    assert len(pictures.files) == 24


def test_augmented_views_are_those_that_training_draws_beside_their_images(train_set, validation_set):
    pictures = Pictures()
    found = overview(train_set, validation_set, pictures, augmentation="strong")
    examples = {example["picture"]: example for of_class in found["examples"].values() for example in of_class}
    views = found["augmentation"]["views"]
    assert (found["augmentation"]["name"], len(views), len(pictures.files)) == ("strong", 12, 36)
    for view in views:
        number = examples[view["original"]]["number"]
        seeds = [derive_seed(7, number, 0)]
        expected = augment(train_set.images[number].unsqueeze(0), STRONG, seeds)[0].numpy()
        once_more = Pictures()
        once_more.add(expected)
        assert pictures.files[view["view"]] == once_more.files[0]


def test_pairs_of_equal_images_are_shown(train_set, validation_set):
    pairs = [Duplicate(validation_set.paths[n], train_set.paths[n], None if n < 2 else n, n != 1) for n in range(6)]
    leakage = Leakage(tuple(pairs[:2]), tuple(pairs[2:]) * 3, ())
    pictures = Pictures()
    found = overview(train_set, validation_set, pictures, leakage)["duplicates"]
    assert (found["identical"], found["near_identical"], len(found["pairs"])) == (2, 12, 6)
    first, second, third = found["pairs"][:3]
    assert (first["distance"], second["same_label"], third["distance"]) == (None, False, 2)
    assert first["training"] == HOSTILE
    assert pictures.files[third["validation_picture"]] != pictures.files[third["training_picture"]]


def test_every_kind_of_anomaly_is_shown_in_turn_and_the_seed_decides(train_set):
    chosen = choose_images(train_set, 1, 6, seed=3)
    assert Counter(train_set.kinds[number] for number in chosen) == {"": 2, "scratch": 2, "dent": 2}
    assert choose_images(train_set, 1, 6, seed=3) == chosen
    assert choose_images(train_set, 1, 6, seed=4) != chosen
    assert sorted(choose_images(train_set, 0, 100, seed=3)) == list(range(0, 40, 2))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((160, 160), (160, 160)), ((32, 20), (32, 20)), ((640, 320), (160, 80)), ((2000, 1), (160, 1))],
)
def test_pictures_are_160_pixels_at_most_and_never_enlarged(shape, expected):
    pictures = Pictures()
    image = np.full((*shape, 3), (200, 100, 0), np.uint8)
    assert pictures.add(image) == 0
    shown = decoded(pictures.files[0])
    assert shown.shape[:2] == expected
    assert np.abs(shown.reshape(-1, 3).mean(0) - (200, 100, 0)).max() < 6


def decoded(picture: bytes) -> np.ndarray:
    """int [H, W, 3] RGB."""
    bgr = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    return bgr[..., ::-1].astype(int)
