"""history.py: the files beside a checkpoint can be read back."""

import csv
import json
from pathlib import Path

import cv2
import pytest
import torch

from crbl_training.evaluation.metrics import compute_metrics
from crbl_training.train.history import Epoch, write_curves, write_history, write_metrics

METRICS = compute_metrics(torch.tensor([-1.0, 2.0]), torch.tensor([0.0, 1.0]), 0.5)
HISTORY = tuple(Epoch(number, 1e-4 / number, 1.0 / number, METRICS, number == 2, 0.25) for number in (1, 2, 3))


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_history_has_a_line_for_each_epoch(tmp_path):
    write_history(tmp_path / "history.csv", HISTORY)
    rows = read_csv(tmp_path / "history.csv")
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [row["best"] for row in rows] == ["0", "1", "0"]
    assert float(rows[1]["learning_rate"]) == 5e-5
    assert float(rows[1]["train_loss"]) == 0.5
    assert float(rows[0]["val_loss"]) == pytest.approx(METRICS.loss, abs=1e-6)
    assert (float(rows[0]["val_auroc"]), float(rows[0]["val_accuracy"])) == (1.0, 1.0)
    assert float(rows[0]["val_average_precision"]) == 1.0


def test_metrics_are_json(tmp_path):
    write_metrics(tmp_path / "metrics.json", {"variant": "crop", "validation": METRICS.to_dict()})
    assert json.loads((tmp_path / "metrics.json").read_text())["validation"]["auroc"] == 1.0


@pytest.mark.parametrize("epochs", [1, 3])
def test_curves_are_an_image(tmp_path, epochs):
    write_curves(tmp_path / "curves.png", HISTORY[:epochs], "CRBL crop", augmented=True)
    pixels = cv2.imread(str(tmp_path / "curves.png"))
    assert pixels.shape == (400, 1000, 3)
    assert pixels.std() > 5
