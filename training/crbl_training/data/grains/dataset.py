"""A dataset of grains, in the folders and CSV files that the original recipe reads."""

from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from crbl_runtime.atomic_file import write_bytes
from crbl_runtime.csv_file import write_csv
from crbl_runtime.errors import UsageError
from crbl_training.data.grains.grain import Grain, make_grain
from crbl_training.data.grains.impurities import IMPURITIES


def write_dataset(folder: Path, *, seed: int, train: int, validation: int, test: int) -> None:
    """Write a dataset in the form the original recipe reads: half clean, half with an impurity, kinds in turn.

    `folder` gets train/class_0 (clean), train/class_1 (impurity), images/validation with validation.csv and
    images/test with test.csv; the tables have the columns image_path (relative to `folder`) and impurity (0 or 1).
    A file's name ends in its impurity, for people to read. The same arguments give the same bytes.

    Args:
        folder: a new or empty folder.
        seed: decides every image; no two images share a grain.
        train, validation, test: how many images each split gets.

    Raises:
        UsageError: `folder` has something in it already, or a count is negative.
    """
    if min(train, validation, test) < 0:
        raise UsageError(f"Counts of images must be 0 or more, not {train}, {validation} and {test}.")
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty. Name a new folder, so that no older images mix with the new ones.")
    held_out = {split: _images(split, count) for split, count in (("validation", validation), ("test", test))}
    everything = [*_images("train", train), *held_out["validation"], *held_out["test"]]
    seeds = np.random.SeedSequence(seed).generate_state(len(everything), np.uint64).tolist()
    progress = tqdm(everything, "Images", unit="image", disable=None)
    for (image_path, impurity), image_seed in zip(progress, seeds, strict=True):
        write_bytes(folder / image_path, _png(make_grain(image_seed, impurity)))
    for split, rows in held_out.items():
        labels = [[image_path, int(impurity is not None)] for image_path, impurity in rows]
        write_csv(folder / f"{split}.csv", ["image_path", "impurity"], labels)


def _images(split: str, count: int) -> list[tuple[str, str | None]]:
    """Where each image of a split goes, relative to the dataset's folder, and its impurity."""
    impurities = [IMPURITIES[index // 2 % len(IMPURITIES)] if index % 2 else None for index in range(count)]
    return [
        (f"{_folder(split, impurity)}/{index:04d}_{impurity or 'clean'}.png", impurity)
        for index, impurity in enumerate(impurities)
    ]


def _folder(split: str, impurity: str | None) -> str:
    return f"train/class_{int(impurity is not None)}" if split == "train" else f"images/{split}"


def _png(grain: Grain) -> bytes:
    return cv2.imencode(".png", cv2.cvtColor(grain.pixels, cv2.COLOR_RGB2BGR))[1].tobytes()
