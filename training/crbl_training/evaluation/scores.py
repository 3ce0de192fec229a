"""The trained model's score of each validation image, in a CSV file beside the checkpoint."""

import csv
from pathlib import Path

import torch
from torch import Tensor

from crbl_runtime.calibration import Calibration
from crbl_runtime.csv_file import ENCODING, harmless, path_from_text, write_csv
from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.file_names import VALIDATION_SCORES_FILE


def write_scores(path: Path, images: PreparedDataset, logits: Tensor, calibration: Calibration | None = None) -> None:
    """One line for each image: path, label, logit, probability, the calibrated one if any, and the kind where there are
    kinds. Paths are absolute."""
    probabilities = torch.sigmoid(logits.double())
    rows = [
        [
            image.resolve(),
            int(label),
            f"{logit:.6f}",
            f"{probability:.8f}",
            f"{calibration.probability(logit):.8f}" if calibration is not None else "",
            *kind,
        ]
        for image, label, logit, probability, kind in zip(
            images.paths,
            images.labels.tolist(),
            logits.tolist(),
            probabilities.tolist(),
            [[harmless(kind)] for kind in images.kinds] or [[]] * len(images.paths),
            strict=True,
        )
    ]
    header = ["image_path", "impurity", "logit", "probability", "calibrated_probability"]
    write_csv(path, [*header, *(["kind"] if images.kinds else [])], rows)


def scored_images(checkpoint_path: Path) -> list[Path]:
    """The validation images of the training run that left the checkpoint, as far as they are still there."""
    scores = checkpoint_path.with_name(VALIDATION_SCORES_FILE)
    if not scores.is_file():
        return []
    with scores.open(newline="", encoding=ENCODING) as file:
        paths = [path_from_text(row["image_path"]) for row in csv.DictReader(file)]
    return [path for path in paths if path.is_file()]
