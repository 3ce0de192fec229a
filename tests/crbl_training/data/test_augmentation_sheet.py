"""augmentation_sheet.py: what is on the sheet is what training sees."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.data.augmentation import strong_augmentation
from crbl_training.data.augmentation_sheet import HEADING_HEIGHT, TILE, VIEWS, write_augmentation_sheet
from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.train.activations import ComputedActivations

SEED = 5


class SeesItsInput:
    """Stands in for the model: its activations are what it was given."""

    def frozen_activations(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


def read(path: Path) -> NDArray[np.uint8]:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def place_of(image: Tensor, sheet: NDArray[np.uint8]) -> tuple[int, int] | None:
    """Column and row of the pixel where an image, uint8 [32, 32, 3], stands on the sheet, or None."""
    tile = image.numpy().repeat(TILE // 32, 0).repeat(TILE // 32, 1)
    _, _, (left, top), _ = cv2.minMaxLoc(cv2.matchTemplate(sheet, tile, cv2.TM_SQDIFF))
    return (left, top) if np.array_equal(sheet[top : top + TILE, left : left + TILE], tile) else None


@pytest.fixture(scope="module")
def sheet(train_set: PreparedDataset, tmp_path_factory: pytest.TempPathFactory) -> NDArray[np.uint8]:
    path = tmp_path_factory.mktemp("sheet") / "strong.png"
    write_augmentation_sheet(path, train_set, strong_augmentation(32), SEED)
    return read(path)


def test_first_column_has_four_prepared_images_of_either_class(sheet, train_set):
    places = [place_of(image, sheet) for image in train_set.images]
    shown = [(*place, int(label)) for place, label in zip(places, train_set.labels, strict=True) if place is not None]
    assert len({left for left, _, _ in shown}) == 1
    assert [label for _, _, label in sorted(shown, key=lambda entry: entry[1])] == [0] * 4 + [1] * 4


def test_views_are_those_of_training(sheet, train_set):
    number = next(number for number in reversed(range(16)) if place_of(train_set.images[number], sheet) is not None)
    _, row = place_of(train_set.images[number], sheet)
    spec, cpu = PreprocessingSpec("whole", image_size=32), torch.device("cpu")
    training = ComputedActivations(SeesItsInput(), train_set.images, spec, strong_augmentation(32), SEED, cpu)
    seen, _ = training(torch.full((VIEWS,), number), torch.arange(VIEWS))
    places = [place_of(view, sheet) for view in (seen * 255).round().to(torch.uint8).permute(0, 2, 3, 1)]
    assert [top for _, top in places] == [row] * VIEWS
    columns = [left for left, _ in places]
    assert columns == sorted(set(columns))


def test_every_row_and_column_has_a_title(sheet, train_set):
    left, _ = place_of(next(image for image in train_set.images if place_of(image, sheet) is not None), sheet)
    tops = sorted(place[1] for image in train_set.images if (place := place_of(image, sheet)) is not None)
    for top in tops:
        assert sheet[top : top + TILE, :left].min() < 100
    for column in range(left, sheet.shape[1] - TILE, TILE + 24):
        assert sheet[tops[0] - 25 : tops[0], column : column + TILE].min() < 100


def test_same_seed_draws_the_same_sheet_and_another_does_not(train_set, tmp_path):
    files = [tmp_path / f"{number}.png" for number in range(3)]
    for file, seed in zip(files, (SEED, SEED, SEED + 1), strict=True):
        write_augmentation_sheet(file, train_set, strong_augmentation(32), seed)
    first, again, other = (read(file)[HEADING_HEIGHT:] for file in files)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_few_images_make_a_smaller_sheet(sheet, train_set, tmp_path):
    few = replace(train_set, images=train_set.images[:3], labels=train_set.labels[:3], paths=train_set.paths[:3])
    write_augmentation_sheet(tmp_path / "few.png", few, strong_augmentation(32), SEED)
    small = read(tmp_path / "few.png")
    assert small.shape[0] < sheet.shape[0]
    assert small.shape[1] == sheet.shape[1]
    assert all(place_of(image, small) is not None for image in few.images)


@pytest.mark.parametrize("size", [33, 100, 300])
def test_images_of_any_size_fit(size, tmp_path):
    images = torch.randint(0, 256, (2, size, size, 3), dtype=torch.uint8)
    dataset = PreparedDataset(images, torch.tensor([0.0, 1.0]), (Path("a.png"), Path("b.png")), 0)
    write_augmentation_sheet(tmp_path / "sheet.png", dataset, strong_augmentation(size), SEED)
    assert read(tmp_path / "sheet.png").shape[0] < 3 * (TILE + 100)
