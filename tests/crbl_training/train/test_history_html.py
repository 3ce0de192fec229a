"""history_html.py: a notebook shows the curves, and the epochs as they are."""

import base64

import cv2
import numpy as np
import torch

from crbl_training.evaluation.metrics import compute_metrics
from crbl_training.train.history import Epoch, History
from shown_html import ShownHTML

METRICS = compute_metrics(torch.tensor([-1.0, 2.0, 0.5, 3.0]), torch.tensor([0.0, 1.0, 1.0, 0.0]), 0.5)
HISTORY = History(Epoch(number, 1e-4 * number, 0.5 + number, METRICS, number < 2, 12.25) for number in (0, 1, 2))


def test_each_epoch_has_a_row_with_its_numbers() -> None:
    shown = ShownHTML.of(HISTORY._repr_html_())
    shown.require_harmless()
    header, *rows = shown.rows
    assert header[:4] == ["epoch", "learning rate", "training loss", "validation loss"]
    assert [row[0] for row in rows] == ["0 (the solved head)", "1", "2"]
    assert [row[2] for row in rows] == ["0.5000", "1.5000", "2.5000"]
    measured = [METRICS.loss, METRICS.auroc, METRICS.average_precision, METRICS.accuracy]
    assert rows[1][3:7] == [f"{value:.4f}" for value in measured]
    assert (rows[2][1], rows[2][7]) == ("0.0002", "12.2")
    assert [row[8] for row in rows] == ["yes", "yes", ""]


def test_the_curves_are_in_the_page() -> None:
    (image,) = ShownHTML.of(HISTORY._repr_html_()).attributes("img")
    content = base64.b64decode(image["src"].removeprefix("data:image/png;base64,"))
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert pixels.shape == (400, 1000, 3)
    assert pixels.std() > 5


def test_a_history_is_a_tuple_of_epochs_and_may_be_empty() -> None:
    assert tuple(HISTORY) == HISTORY
    assert ShownHTML.of(History()._repr_html_()).text == "No epochs"
