"""worst_mistakes.py: the right images in the right order, on a sheet that can be read."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.evaluation.worst_mistakes import SHOWN, draw_worst_mistakes, worst_mistakes, write_worst_mistakes


def numbered(labels: list[int]) -> PreparedDataset:
    """Images whose grey value is their number."""
    images = torch.arange(len(labels), dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 32, 32, 3)
    paths = tuple(Path(f"{number}.png") for number in range(len(labels)))
    return PreparedDataset(images, torch.tensor(labels).float(), paths, 0)


def drawn(path: Path) -> np.ndarray:
    image = cv2.imread(str(path))
    assert image is not None
    return image


LABELS = [0, 0, 0, 1, 1, 1, 0]
LOGITS = torch.tensor([1.0, -2.0, 3.0, -1.0, 2.0, -4.0, 0.2])


def test_the_most_certain_mistakes_come_first():
    mistakes = worst_mistakes(numbered(LABELS), LOGITS, 0.5)
    assert [mistake.path.name for mistake in mistakes.false_alarms] == ["2.png", "0.png", "6.png"]
    assert [mistake.path.name for mistake in mistakes.missed] == ["5.png", "3.png"]
    assert [mistake.image.max() for mistake in mistakes.missed] == [5, 3]
    assert mistakes.missed[0].probability == pytest.approx(1 / (1 + np.exp(4)))
    assert (mistakes.false_alarms_in_all, mistakes.missed_in_all, mistakes.images) == (3, 2, 7)


def test_the_threshold_decides_what_a_mistake_is():
    mistakes = worst_mistakes(numbered(LABELS), LOGITS, 0.9)
    assert [mistake.path.name for mistake in mistakes.false_alarms] == ["2.png"]
    assert [mistake.path.name for mistake in mistakes.missed] == ["5.png", "3.png", "4.png"]


def test_saturated_probabilities_keep_their_order():
    mistakes = worst_mistakes(numbered([0, 0, 0, 1]), torch.tensor([50.0, 60.0, 40.0, 70.0]), 0.5)
    assert [mistake.path.name for mistake in mistakes.false_alarms] == ["1.png", "0.png", "2.png"]


def test_of_many_the_worst_are_shown_and_all_are_counted():
    logits = torch.linspace(1, 5, 40)
    mistakes = worst_mistakes(numbered([0] * 40), logits, 0.5)
    assert len(mistakes.false_alarms) == SHOWN
    assert mistakes.false_alarms[0].path.name == "39.png"
    assert mistakes.false_alarms_in_all == 40


def test_values_for_json_name_the_images_of_the_sheet():
    values = worst_mistakes(numbered(LABELS), LOGITS, 0.5).to_dict()
    assert [entry["path"] for entry in values["false_alarms"]] == ["2.png", "0.png", "6.png"]
    assert values["missed_anomalies"][0]["probability"] == pytest.approx(0.018, abs=1e-3)


@pytest.mark.parametrize(
    ("labels", "logits"),
    [
        (LABELS, LOGITS),
        ([0] * 40 + [1], torch.linspace(1, 5, 41)),
        ([1, 0], torch.tensor([-1.0, -1.0])),
        ([0] * 20 + [1] * 20, torch.cat([torch.ones(20), -torch.ones(20)])),
    ],
    ids=["both kinds", "false alarms only", "one missed anomaly", "full sheet"],
)
def test_sheet_shows_every_image_that_it_names(tmp_path, labels: list[int], logits: Tensor):
    images = numbered(labels)
    mistakes = worst_mistakes(images, logits, 0.5)
    write_worst_mistakes(tmp_path / "sheet.png", mistakes, "CRBL crop, validation")
    sheet = drawn(tmp_path / "sheet.png")
    grey = sheet[..., 0][(sheet == sheet[..., :1]).all(axis=2)]
    pixels = np.bincount(grey, minlength=256)
    for mistake in (*mistakes.false_alarms, *mistakes.missed):
        # 200 px a side, all of one value; the letters have few pixels of any.
        assert pixels[mistake.image.max()] > 150 * 150, mistake.path


def test_without_a_mistake_a_line_tells_it(tmp_path):
    mistakes = worst_mistakes(numbered([0, 1]), torch.tensor([-1.0, 1.0]), 0.5)
    write_worst_mistakes(tmp_path / "none.png", mistakes, "CRBL crop, validation")
    sheet = drawn(tmp_path / "none.png")
    assert sheet.shape[0] < 200
    # Words stand in the lower half, below the title.
    assert (sheet[sheet.shape[0] // 2 :] < 128).sum() > 500


def test_a_notebook_shows_the_sheet():
    mistakes = worst_mistakes(numbered(LABELS), LOGITS, 0.5)
    shown = cv2.imdecode(np.frombuffer(mistakes._repr_png_(), np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(cv2.cvtColor(shown, cv2.COLOR_BGR2RGB), draw_worst_mistakes(mistakes, "Worst mistakes"))
