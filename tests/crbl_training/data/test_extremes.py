"""Data sets at the edge of what can be learned from: each is read sensibly, or refused with the reason."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from crbl_runtime.errors import DataError
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.data.batches import balanced_batches
from crbl_training.data.dataset import read_labelled, read_split
from crbl_training.data.distinct_images import require_different_images
from crbl_training.data.leakage import find_leakage, leakage_lines, refuse_two_labels
from crbl_training.data.prepared_dataset import PreparedDataset, prepare_dataset

SPEC = PreprocessingSpec("whole", image_size=32)


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (24, 24, 3), dtype=np.uint8)


def grey(value: int) -> np.ndarray:
    return np.full((24, 24, 3), value, dtype=np.uint8)


def put(folder: Path, normal: list[np.ndarray], anomalies: list[np.ndarray]) -> Path:
    for name, images in (("good", normal), ("bad", anomalies)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number, image in enumerate(images):
            assert cv2.imwrite(str(folder / name / f"{number:04}.png"), image)
    return folder


def prepared(folder: Path) -> tuple[PreparedDataset, PreparedDataset]:
    split = read_split(folder, None, None, 0)
    return prepare_dataset(split.train, SPEC, "training"), prepare_dataset(split.validation, SPEC, "validation")


def test_one_anomaly_in_a_thousand_is_in_every_batch(tmp_path):
    labels = torch.tensor([0.0] * 1000 + [1.0])
    batches = balanced_batches(labels, 32, seed=0, epoch=0)
    assert len(batches) == 32
    assert all(labels[indices].sum() == 16 for indices in batches)
    assert len({int(index) for indices in batches for index in indices[:16]}) == 16 * 32


def test_two_anomalies_among_two_thousand_are_one_for_training_and_one_for_validation(tmp_path):
    for name, count in (("good", 2000), ("bad", 2)):
        (tmp_path / name).mkdir()
        for number in range(count):
            (tmp_path / name / f"{number}.png").touch()
    split = read_split(tmp_path, None, None, 0)
    assert [sum(image.label for image in part) for part in (split.train, split.validation)] == [1, 1]
    assert [len(split.train), len(split.validation)] == [1601, 401]
    (tmp_path / "bad" / "1.png").unlink()
    with pytest.raises(DataError, match="has one image of class_1; at least two are needed"):
        read_split(tmp_path, None, None, 0)


def test_ten_images_in_all_are_enough_and_one_is_not(tmp_path):
    data = put(tmp_path / "ten", [noise(seed) for seed in range(5)], [noise(seed) for seed in range(5, 10)])
    train, validation = prepared(data)
    assert [train.labels.tolist().count(label) for label in (0, 1)] == [4, 4]
    assert [validation.labels.tolist().count(label) for label in (0, 1)] == [1, 1]
    require_different_images(train, validation)
    with pytest.raises(DataError, match=r"good holds no images|bad holds no images"):
        read_labelled(put(tmp_path / "one", [noise(0)], []))
    (tmp_path / "one.csv").write_text("path,label\none/good/0000.png,0\n")
    with pytest.raises(DataError, match=r"holds 1 image but none that is anomaly"):
        read_labelled(tmp_path / "one.csv")


@pytest.mark.parametrize("alike", [lambda count: [noise(0)] * count, lambda count: [grey(128)] * count])
@pytest.mark.parametrize("count", [2, 20])
def test_a_class_whose_images_are_all_alike_is_refused(tmp_path, alike: Callable[[int], list[np.ndarray]], count):
    data = put(tmp_path, [noise(seed) for seed in range(1, 11)], alike(count))
    with pytest.raises(DataError, match=r"that are anomaly \(class_1\) have the same pixels \(.*bad.*Give different"):
        require_different_images(*prepared(data))


def test_of_different_images_of_one_grey_value_each_nothing_is_refused(tmp_path):
    data = put(tmp_path, [grey(value) for value in range(0, 100, 10)], [noise(seed) for seed in range(5)])
    require_different_images(*prepared(data))


def test_one_training_image_of_a_class_is_no_class_whose_images_are_alike(tmp_path):
    data = put(tmp_path, [noise(seed) for seed in range(5)], [noise(7), noise(8)])
    train, validation = prepared(data)
    assert int(train.labels.sum()) == 1
    require_different_images(train, validation)


def test_an_image_in_both_classes_is_refused_within_a_set_and_between_two(tmp_path):
    data = put(tmp_path / "data", [noise(seed) for seed in range(5)], [noise(seed) for seed in range(4, 9)])
    pair = f"{data / 'good/0004.png'} is normal, {data / 'bad/0000.png'} is anomalous"
    everything = prepare_dataset(read_labelled(data), SPEC, "labelled")
    for sets in ((everything,), prepared(data)):
        with pytest.raises(DataError, match="1 image is in both classes, with the same pixels") as refusal:
            refuse_two_labels(*sets)
        assert pair in str(refusal.value)


def test_copies_of_another_format_are_the_same_image(tmp_path):
    data = put(tmp_path / "data", [noise(seed) for seed in range(5)], [noise(seed) for seed in range(5, 10)])
    assert cv2.imwrite(str(data / "bad" / "copy.bmp"), noise(3))
    with pytest.raises(DataError, match=r"0003\.png is normal, .*copy\.bmp is anomalous"):
        refuse_two_labels(*prepared(data))


def test_copies_within_a_class_are_left_to_the_search_for_leakage(tmp_path):
    data = put(tmp_path, [noise(seed % 5) for seed in range(10)], [noise(seed) for seed in range(5, 10)])
    train, validation = prepared(data)
    refuse_two_labels(train, validation)
    require_different_images(train, validation)
    assert leakage_lines(find_leakage(train, validation))[0].startswith("Leakage: ")
