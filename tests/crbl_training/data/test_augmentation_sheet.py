"""augmentation_sheet.py: what is on the sheet is what training sees."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.data.augmentation import STRONG
from crbl_training.data.augmentation_sheet import TILE, VIEWS, write_augmentation_sheet
from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.image_grid import GAP, HEADING_HEIGHT, LINE, PADDING, TITLE_HEIGHT
from crbl_training.train.activations import ComputedActivations

SEED = 5


class SeesItsInput:
    """Stands in for the model: its activations are what it was given."""

    def frozen_layers(self) -> tuple[nn.Module, nn.Module]:
        return nn.Identity(), nn.Identity()


def read(path: Path) -> NDArray[np.uint8]:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def place_of(image: Tensor, sheet: NDArray[np.uint8]) -> tuple[int, int] | None:
    """Column and row of the pixel where an image, uint8 [32, 32, 3], stands on the sheet, or None."""
    tile = image.numpy().repeat(TILE // 32, 0).repeat(TILE // 32, 1)
    for top, left in np.argwhere((sheet == tile[0, 0]).all(axis=2)).tolist():
        if np.array_equal(sheet[top : top + TILE, left : left + TILE], tile):
            return left, top
    return None


@pytest.fixture(scope="module")
def sheet(train_set: PreparedDataset, tmp_path_factory: pytest.TempPathFactory) -> NDArray[np.uint8]:
    path = tmp_path_factory.mktemp("sheet") / "strong.png"
    write_augmentation_sheet(path, train_set, STRONG, SEED)
    return read(path)


@pytest.fixture(scope="module")
def places(sheet: NDArray[np.uint8], train_set: PreparedDataset) -> dict[int, tuple[int, int]]:
    """Column and row of the images that are on the sheet, by their number."""
    found = {number: place_of(image, sheet) for number, image in enumerate(train_set.images)}
    return {number: place for number, place in found.items() if place is not None}


def test_first_column_has_four_prepared_images_of_either_class(places, train_set):
    assert len({left for left, _ in places.values()}) == 1
    from_the_top = sorted(places, key=lambda number: places[number][1])
    assert [int(train_set.labels[number]) for number in from_the_top] == [0] * 4 + [1] * 4


def test_views_are_those_of_training(sheet, train_set, places):
    number, (_, row) = max(places.items())
    spec, cpu = PreprocessingSpec("whole", image_size=32), torch.device("cpu")
    training = ComputedActivations(SeesItsInput(), train_set.images, spec, STRONG, SEED, cpu)
    seen, _ = training(torch.full((VIEWS,), number), torch.arange(VIEWS))
    views = [place_of(view, sheet) for view in (seen * 255).round().to(torch.uint8).permute(0, 2, 3, 1)]
    assert [top for _, top in views] == [row] * VIEWS
    columns = [left for left, _ in views]
    assert columns == sorted(set(columns))


def test_every_image_has_a_title_and_either_class_a_heading(sheet, places):
    tops = sorted(top for _, top in places.values())
    left, _ = next(iter(places.values()))
    for top in tops:
        for column in range(1 + VIEWS):
            x, y = left + column * (TILE + PADDING), top + TILE
            assert sheet[y : y + LINE, x : x + TILE].min() < 100, (top, column)
    for top in (tops[0], tops[4]):
        heading = sheet[top - PADDING - HEADING_HEIGHT : top - PADDING, :TILE]
        assert heading.min() < 100


def test_same_seed_draws_the_same_sheet_and_another_does_not(train_set, tmp_path):
    files = [tmp_path / f"{number}.png" for number in range(3)]
    for file, seed in zip(files, (SEED, SEED, SEED + 1), strict=True):
        write_augmentation_sheet(file, train_set, STRONG, seed)
    first, again, other = (read(file)[TITLE_HEIGHT + LINE + GAP :] for file in files)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_few_images_make_a_smaller_sheet(sheet, train_set, tmp_path):
    few = replace(train_set, images=train_set.images[:3], labels=train_set.labels[:3], paths=train_set.paths[:3])
    write_augmentation_sheet(tmp_path / "few.png", few, STRONG, SEED)
    small = read(tmp_path / "few.png")
    assert small.shape[0] < sheet.shape[0]
    assert small.shape[1] == sheet.shape[1]
    assert all(place_of(image, small) is not None for image in few.images)


@pytest.mark.parametrize("size", [33, 100, 300])
def test_images_of_any_size_fit(size, tmp_path):
    images = torch.randint(0, 256, (2, size, size, 3), dtype=torch.uint8)
    dataset = PreparedDataset(images, torch.tensor([0.0, 1.0]), (Path("a.png"), Path("b.png")), 0)
    write_augmentation_sheet(tmp_path / "sheet.png", dataset, STRONG, SEED)
    assert read(tmp_path / "sheet.png").shape[0] < 3 * (TILE + 100)
