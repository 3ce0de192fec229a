"""What a trained model says of each validation picture, beside its checkpoint."""

import csv
from pathlib import Path

import torch
from torch import Tensor

from crbl_runtime.csv_file import write_csv
from crbl_training.prepared_set import PreparedSet

SCORES_FILE = "validation_scores.csv"


def write_scores(path: Path, pictures: PreparedSet, logits: Tensor) -> None:
    """One line for each validation picture: path, label, logit, probability. Paths are absolute."""
    probabilities = torch.sigmoid(logits.double())
    rows = [
        [str(picture.resolve()), int(label), f"{logit:.6f}", f"{probability:.8f}"]
        for picture, label, logit, probability in zip(
            pictures.paths, pictures.labels.tolist(), logits.tolist(), probabilities.tolist(), strict=True
        )
    ]
    write_csv(path, ["image_path", "impurity", "logit", "probability"], rows)


def scored_pictures(checkpoint_path: Path) -> list[Path]:
    """The validation pictures of the training run that left the checkpoint, as far as they are still there."""
    scores = checkpoint_path.with_name(SCORES_FILE)
    if not scores.is_file():
        return []
    with scores.open(newline="", encoding="utf-8") as file:
        paths = [Path(row["image_path"]) for row in csv.DictReader(file)]
    return [path for path in paths if path.is_file()]
