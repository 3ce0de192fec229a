"""A sheet of augmented images: is what training will see still what its label says?"""

from pathlib import Path

import torch
from torch import Tensor

from crbl_training.data.augmentation import Augmentation, augment
from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.image_grid import Caption, Cell, Section, draw_image_grid, write_png
from crbl_training.seeds import derive_seed

IMAGES_OF_A_CLASS = 4
VIEWS = 7
TILE = 128
CLASSES = {0: "Normal", 1: "Anomalous"}


def write_augmentation_sheet(
    path: Path, prepared_dataset: PreparedDataset, augmentation: Augmentation, seed: int
) -> None:
    """Write a PNG with up to 8 images, half of either class, and 7 augmented views of each.

    Args:
        seed: chooses the images, and is mixed with an image's number and a view's number as in training: where
            training caches a number of views, these are the first of them.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed))
    chosen = {label: _choose(prepared_dataset.labels == label, generator) for label in CLASSES}
    sections = [
        Section(CLASSES[label], [_cell(prepared_dataset.images[index], index, augmentation, seed) for index in indices])
        for label, indices in chosen.items()
        if indices
    ]
    note = f"Each row: a training image as prepared, and {VIEWS} views of it as training sees them (seed {seed})."
    write_png(path, draw_image_grid("Augmentation", [note], sections, columns=1, tile=TILE))


def _choose(of_class: Tensor, generator: torch.Generator) -> list[int]:
    """Indices, in ascending order, of up to IMAGES_OF_A_CLASS random ones of the images where `of_class` is true."""
    indices = torch.nonzero(of_class).flatten()
    order = torch.randperm(len(indices), generator=generator)[:IMAGES_OF_A_CLASS]
    return sorted(indices[order].tolist())


def _cell(image: Tensor, index: int, augmentation: Augmentation, seed: int) -> Cell:
    """A prepared image, uint8 [S, S, 3], beside its views."""
    seeds = [derive_seed(seed, index, view) for view in range(VIEWS)]
    views = augment(image.expand(VIEWS, -1, -1, -1), augmentation, seeds)
    titles = ["prepared", *(f"view {view}" for view in range(1, VIEWS + 1))]
    captions = [Caption(title, at=place + 0.5, align="center") for place, title in enumerate(titles)]
    return Cell([tile.numpy() for tile in (image, *views)], [captions])
