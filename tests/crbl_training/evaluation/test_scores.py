"""validation_scores.py: scores beside a checkpoint can be read back."""

import csv
import math
from pathlib import Path

import pytest
import torch

from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.evaluation.scores import scored_images, write_scores
from crbl_training.file_names import VALIDATION_SCORES_FILE


def test_scores_have_a_line_for_each_image(tmp_path):
    paths = (tmp_path / "a, b.png", tmp_path / "그림.png")
    images = PreparedDataset(torch.zeros(2, 32, 32, 3, dtype=torch.uint8), torch.tensor([0.0, 1.0]), paths, 0)
    write_scores(tmp_path / "scores.csv", images, torch.tensor([-3.0, 1.5]))
    with (tmp_path / "scores.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [Path(row["image_path"]) for row in rows] == list(paths)
    assert [row["impurity"] for row in rows] == ["0", "1"]
    assert [float(row["logit"]) for row in rows] == [-3.0, 1.5]
    assert float(rows[1]["probability"]) == pytest.approx(1 / (1 + math.exp(-1.5)), abs=1e-8)


def test_the_images_of_a_run_are_found_again_as_far_as_they_are_there(tmp_path):
    paths = (tmp_path / "there, 그림.png", tmp_path / "gone.png")
    paths[0].write_bytes(b"an image")
    images = PreparedDataset(torch.zeros(2, 32, 32, 3, dtype=torch.uint8), torch.tensor([0.0, 1.0]), paths, 0)
    assert scored_images(tmp_path / "run.pth") == []
    write_scores(tmp_path / VALIDATION_SCORES_FILE, images, torch.tensor([-3.0, 1.5]))
    assert scored_images(tmp_path / "run.pth") == [paths[0]]
