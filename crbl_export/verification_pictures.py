"""Which pictures the gate compares on."""

import csv
from pathlib import Path

import numpy as np

from crbl_export.parity import ParitySet, read_parity_set
from crbl_export.reference import reference_logits
from crbl_runtime.picture_folder import find_pictures
from crbl_runtime.preprocessing import prepare
from crbl_runtime.self_test import self_test_images
from crbl_training.checkpoint import Checkpoint

SCORES_FILE = "validation_scores.csv"
SYNTHETIC = "synthetic pictures, no real ones"


def validation_pictures(checkpoint_path: Path) -> list[Path]:
    """The validation pictures of the training run that left the checkpoint, as far as they are still there."""
    scores = checkpoint_path.with_name(SCORES_FILE)
    if not scores.is_file():
        return []
    with scores.open(newline="", encoding="utf-8") as file:
        paths = [Path(row["image_path"]) for row in csv.DictReader(file)]
    return [path for path in paths if path.is_file()]


def parity_set(checkpoint: Checkpoint, checkpoint_path: Path, verify: Path | None) -> ParitySet:
    """The user's pictures, else the run's validation pictures, else the synthetic self-test pictures."""
    if verify is not None:
        return read_parity_set(checkpoint, find_pictures(verify), str(verify))
    found = validation_pictures(checkpoint_path)
    if found:
        return read_parity_set(checkpoint, found, f"the validation pictures of {checkpoint_path.name}")
    contents = tuple(self_test_images(checkpoint.preprocessing.image_size))
    images = np.stack([prepare(content, checkpoint.preprocessing).pixels for content in contents])
    names = tuple(f"synthetic {number}" for number in range(len(images)))
    return ParitySet(names, contents, reference_logits(checkpoint, images), (), SYNTHETIC)
