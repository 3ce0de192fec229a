"""A contact sheet of augmented images: is what training will see still what its label says?"""

import io
from pathlib import Path

import cv2
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms import v2

from crbl_runtime.atomic_file import write_bytes
from crbl_training.data.augmentation import augment
from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.seeds import derive_seed

IMAGES = 8
VIEWS = 7
# All lengths are pixels of the sheet.
TILE = 128
GAP = 8
FIRST_GAP = 24  # between the prepared images and their views
LABEL_WIDTH = 110
HEADING_HEIGHT = 84
WIDTH = LABEL_WIDTH + TILE + FIRST_GAP + VIEWS * (TILE + GAP)
PAPER = 255


def write_augmentation_sheet(path: Path, prepared_dataset: PreparedDataset, transform: v2.Transform, seed: int) -> None:
    """Write a PNG with up to 8 images, half of either class, and 7 augmented views of each.

    Args:
        seed: chooses the images, and is mixed with an image's number and a view's number as in training: where
            training keeps a number of views, these are the first of them.
    """
    chosen = _choose(prepared_dataset.labels, seed)
    height = HEADING_HEIGHT + len(chosen) * (TILE + GAP)
    sheet = np.full((height, WIDTH, 3), PAPER, np.uint8)
    for row, index in enumerate(chosen):
        image = prepared_dataset.images[index]
        seeds = [derive_seed(seed, index, view) for view in range(VIEWS)]
        views = augment(image.expand(VIEWS, -1, -1, -1), transform, seeds)
        for column, tile in enumerate([image, *views]):
            top, left = _row_top(row), _column_left(column)
            sheet[top : top + TILE, left : left + TILE] = _fitted(tile.numpy())
    write_bytes(path, _with_titles(sheet, [int(prepared_dataset.labels[index]) for index in chosen], seed))


def _choose(labels: Tensor, seed: int) -> list[int]:
    """Numbers of up to IMAGES // 2 images of either class, normal ones first."""
    generator = torch.Generator().manual_seed(derive_seed(seed))
    chosen: list[int] = []
    for label in (0, 1):
        of_class = torch.nonzero(labels == label).flatten()
        order = torch.randperm(len(of_class), generator=generator)[: IMAGES // 2]
        chosen += sorted(of_class[order].tolist())
    return chosen


def _fitted(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    # Nearest where it grows: smoothing would hide the noise and the blur that one wants to see.
    larger = image.shape[0] > TILE
    fitted = cv2.resize(image, (TILE, TILE), interpolation=cv2.INTER_AREA if larger else cv2.INTER_NEAREST)
    return fitted.astype(np.uint8)


def _row_top(row: int) -> int:
    return HEADING_HEIGHT + row * (TILE + GAP)


def _column_left(column: int) -> int:
    return LABEL_WIDTH if column == 0 else LABEL_WIDTH + TILE + FIRST_GAP + (column - 1) * (TILE + GAP)


def _with_titles(sheet: NDArray[np.uint8], labels: list[int], seed: int) -> bytes:
    height = sheet.shape[0]
    figure = Figure(figsize=(WIDTH / 100, height / 100), dpi=100)
    FigureCanvasAgg(figure)
    figure.figimage(sheet, origin="upper")

    def write(x: float, y: float, text: str, **style: object) -> None:
        figure.text(x / WIDTH, 1 - y / height, text, va="center", **style)

    write(LABEL_WIDTH, 24, f"Training images as prepared, and augmented (seed {seed})", size=13, weight="bold")
    write(_column_left(0) + TILE / 2, HEADING_HEIGHT - 14, "prepared", ha="center", size=11)
    for view in range(VIEWS):
        write(_column_left(view + 1) + TILE / 2, HEADING_HEIGHT - 14, f"view {view + 1}", ha="center", size=11)
    for row, label in enumerate(labels):
        name = "anomalous" if label else "normal"
        write(LABEL_WIDTH - 12, _row_top(row) + TILE / 2, name, ha="right", size=11)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
