"""leakage.py and fingerprint.py: copies are found in real photographs, and what only looks alike is not."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from crbl_runtime.errors import DataError
from crbl_runtime.image import decode
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.data.dataset import LabelledImage
from crbl_training.data.fingerprint import HASH_BITS, NEAR_LIMIT, Fingerprint, fingerprint
from crbl_training.data.leakage import Leakage, find_leakage, leakage_lines, refuse_leakage, refuse_two_labels
from crbl_training.data.prepared_dataset import PreparedDataset, prepare_dataset

SPEC = PreprocessingSpec("whole")
Image = np.ndarray


def read(*images: tuple[Path, int]) -> PreparedDataset:
    return prepare_dataset([LabelledImage(path, label) for path, label in images], SPEC, "test")


def write(path: Path, image: Image, *options: int) -> Path:
    assert cv2.imwrite(str(path), image, list(options))
    return path


@pytest.fixture(scope="module")
def tiles(photographs: Path) -> list[Path]:
    """Photographs, of which the tiles of one overlap by less than two thirds."""
    return sorted(photographs.glob("*_[04].png"))


@pytest.fixture
def train(tiles) -> PreparedDataset:
    """All photographs but the last two."""
    return read(*((path, number % 2) for number, path in enumerate(tiles[:-2])))


def bits(image: Image) -> NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(fingerprint(image).perceptual, np.uint8))


def distance(one: Image, other: Image) -> int:
    return int(np.sum(bits(one) != bits(other)))


def test_images_that_are_elsewhere_are_no_leakage(train, tiles):
    leakage = find_leakage(train, read((tiles[-2], 0), (tiles[-1], 1)))
    assert leakage == Leakage((), (), ())
    assert leakage_lines(leakage) == [
        "Leakage: no validation image is in the training set, nor one that is nearly the same."
    ]
    refuse_leakage(leakage)


def test_grains_of_one_shape_on_white_are_told_apart():
    from crbl_training.data.grains import make_grain

    hashes = np.stack([bits(make_grain(seed, None).pixels) for seed in range(60)])
    distances = (hashes[:, None] != hashes[None]).sum(axis=2) + HASH_BITS * np.eye(60, dtype=int)
    assert distances.min() > NEAR_LIMIT


def test_an_identical_image_is_found_under_another_name_and_format(train, tiles, tmp_path):
    copy = write(tmp_path / "copy.bmp", cv2.imread(str(tiles[3])))
    (duplicate,) = find_leakage(train, read((copy, 1), (tiles[-1], 0))).identical
    assert (duplicate.validation, duplicate.training, duplicate.distance, duplicate.same_label) == (
        copy,
        tiles[3],
        None,
        True,
    )


def test_one_other_pixel_is_nearly_identical(train, tiles, tmp_path):
    image = cv2.imread(str(tiles[3]))
    image[50, 50, 1] ^= 1
    leakage = find_leakage(train, read((write(tmp_path / "touched.png", image), 1)))
    assert not leakage.identical
    (duplicate,) = leakage.near_identical
    assert (duplicate.training, duplicate.same_label) == (tiles[3], True)
    assert duplicate.distance <= 2


@pytest.mark.parametrize(
    "change",
    [
        lambda image: cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1], 1),
        lambda image: np.clip(image * 1.1, 0, 255).astype(np.uint8),
        lambda image: np.clip(image * 0.9, 0, 255).astype(np.uint8),
        lambda image: cv2.resize(image, (80, 80), interpolation=cv2.INTER_AREA),
        lambda image: cv2.resize(image, (300, 300), interpolation=cv2.INTER_CUBIC),
    ],
    ids=["jpeg", "brighter", "darker", "smaller", "larger"],
)  # fmt: skip
def test_a_copy_is_found_after(change: Callable[[Image], Image], photographs):
    images = [decode(path) for path in photographs.glob("*_4.png")]
    assert max(distance(image, change(image)) for image in images) <= NEAR_LIMIT


@pytest.mark.parametrize(
    "change",
    [lambda image: image[:, ::-1], lambda image: image[::-1], np.rot90, lambda image: image[::-1, ::-1]],
    ids=["mirrored", "upside down", "turned", "turned twice"],
)
def test_another_view_is_another_image(change: Callable[[Image], Image], photographs):
    images = [decode(path) for path in photographs.glob("*_4.png")]
    assert min(distance(image, np.ascontiguousarray(change(image))) for image in images) > 5 * NEAR_LIMIT


def test_the_nearest_of_several_near_ones_is_named(tiles, tmp_path):
    image = cv2.imread(str(tiles[0]))
    rough = write(tmp_path / "rough.jpg", image, cv2.IMWRITE_JPEG_QUALITY, 50)
    fine = write(tmp_path / "fine.jpg", image, cv2.IMWRITE_JPEG_QUALITY, 98)
    (duplicate,) = find_leakage(read((rough, 0), (fine, 0), (tiles[5], 1)), read((tiles[0], 1))).near_identical
    assert (duplicate.training, duplicate.same_label) == (fine, False)


def test_images_with_two_labels_are_listed_wherever_they_are(tiles, tmp_path):
    copies = [write(tmp_path / f"{number}.png", cv2.imread(str(tiles[number]))) for number in (0, 1, 2)]
    train = read((tiles[0], 0), (copies[0], 1), (tiles[1], 1), (tiles[2], 0))
    validation = read((copies[1], 0), (copies[2], 0))
    leakage = find_leakage(train, validation)
    assert leakage.two_labels == ((tiles[0], copies[0]), (copies[1], tiles[1]))
    assert [duplicate.same_label for duplicate in leakage.identical] == [False, True]
    lines = leakage_lines(leakage)
    assert f"  {copies[1]} is {tiles[1]}, with another label" in lines
    with pytest.raises(DataError, match="2 images are in both classes, with the same pixels") as refusal:
        refuse_two_labels(train, validation)
    assert f"\n  {tiles[0]} is normal, {copies[0]} is anomalous\n" in str(refusal.value)
    assert f"\n  {copies[1]} is normal, {tiles[1]} is anomalous\n" in str(refusal.value)
    assert "Take each of them out" in str(refusal.value)
    refuse_two_labels(read((tiles[0], 0), (tiles[1], 1)), read((tiles[2], 0), (tiles[3], 1)))


def test_two_labels_within_the_training_set_are_said_and_are_no_leakage(tiles, tmp_path):
    copy = write(tmp_path / "copy.png", cv2.imread(str(tiles[0])))
    leakage = find_leakage(read((tiles[0], 0), (copy, 1)), read((tiles[5], 0), (tiles[6], 1)))
    assert leakage.counts() == {"identical": 0, "near_identical": 0, "two_labels": 1}
    refuse_leakage(leakage)


def test_refusal_lists_all_and_lines_the_first_few(train, tiles):
    leakage = find_leakage(train, read(*((path, number % 2) for number, path in enumerate(tiles))))
    assert len(leakage.identical) == len(tiles) - 2
    with pytest.raises(DataError, match=f"{len(tiles) - 2} validation images are also in the training") as refusal:
        refuse_leakage(leakage)
    assert all(str(path) in str(refusal.value) for path in tiles[:-2])
    assert "--fail-on-leakage" in str(refusal.value)
    lines = leakage_lines(leakage)
    assert len(lines) == 7
    assert lines[-1] == f"  and {len(tiles) - 7} more, see metrics.json"


def test_everything_is_json_and_counts_name_no_folder(train, tiles):
    leakage = find_leakage(train, read((tiles[0], 1)))
    values = json.loads(json.dumps(leakage.to_dict()))
    assert values["identical"] == [
        {"validation": str(tiles[0]), "training": str(tiles[0]), "distance": None, "same_label": False}
    ]
    assert values["two_labels"] == [[str(tiles[0]), str(tiles[0])]]
    assert leakage.counts() == {"identical": 1, "near_identical": 0, "two_labels": 1}


def hashed(hashes: NDArray[np.uint8], name: str) -> PreparedDataset:
    """A set of images with these bits, zeros and ones [N, HASH_BITS]; none has the pixels of another one."""
    fingerprints = [Fingerprint(f"{name} {number}", np.packbits(row).tobytes()) for number, row in enumerate(hashes)]
    paths = tuple(Path(str(number)) for number in range(len(hashes)))
    return PreparedDataset(torch.zeros(len(hashes), 1, 1, 3), torch.zeros(len(hashes)), paths, 0, tuple(fingerprints))


def test_the_nearest_of_all_and_of_equals_the_first():
    random = np.random.default_rng(0)
    train = random.integers(0, 2, (500, HASH_BITS), np.uint8)
    train[300] = train[20]
    validation = train[[20, 7, 499, 40]].copy()
    for row, changed in enumerate((0, NEAR_LIMIT, NEAR_LIMIT + 1, 3)):
        validation[row, random.permutation(HASH_BITS)[:changed]] ^= 1
    leakage = find_leakage(hashed(train, "training"), hashed(validation, "validation"))
    found = [(each.validation.name, each.training.name, each.distance) for each in leakage.near_identical]
    assert found == [("0", "20", 0), ("1", "7", NEAR_LIMIT), ("3", "40", 3)]
