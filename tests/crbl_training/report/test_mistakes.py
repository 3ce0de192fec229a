"""mistakes.py, score_histogram.py: heatmaps that add up, and scores that are all counted."""

import base64
from pathlib import Path

import numpy as np
import pytest
import torch

from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.evaluation.metrics import predict_logits
from crbl_training.evaluation.worst_mistakes import worst_mistakes
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.report.mistakes import mistakes_with_heatmaps
from crbl_training.report.pictures import Pictures
from crbl_training.report.score_histogram import score_histogram

SPEC = PreprocessingSpec("whole", image_size=64)


def test_the_cells_of_each_mistake_add_up_to_its_logit_less_the_bias(random_weights):
    model = CRBLDualModel("head")
    model.load_state_dict(random_weights)
    with torch.no_grad():
        model.classifier.weight.normal_(std=0.1, generator=torch.Generator().manual_seed(1))
        model.classifier.bias.fill_(0.75)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (6, 64, 64, 3), dtype=torch.uint8, generator=generator)
    paths = tuple(Path("folder") / f"{number}.png" for number in range(6))
    logits = predict_logits(model, images, SPEC, torch.device("cpu"))
    threshold = float(logits.sigmoid().sort().values[2:4].double().mean())
    # Each image has the label that the model does not give it.
    dataset = PreparedDataset(images, (logits.sigmoid() <= threshold).float(), paths, 0)
    pictures = Pictures()
    shown = mistakes_with_heatmaps(worst_mistakes(dataset, logits, threshold), model, SPEC, pictures)
    assert (shown["bias"], len(shown["false_alarms"]) + len(shown["missed_anomalies"])) == (0.75, 6)
    assert (shown["false_alarms_in_all"], len(pictures.files)) == (len(shown["false_alarms"]), 6)
    for mistake in (*shown["false_alarms"], *shown["missed_anomalies"]):
        number = int(mistake["name"].removesuffix(".png"))
        cells = np.frombuffer(base64.b64decode(mistake["cells"]), "<f4")
        assert (mistake["rows"], mistake["columns"], cells.size) == (2, 2, 4)
        assert cells.sum() == pytest.approx(mistake["logit"] - 0.75, abs=1e-5)
        assert np.ptp(cells) > 0
        assert mistake["probability"] == pytest.approx(float(logits[number].sigmoid()), abs=1e-6)
        assert mistake["path"] == str(paths[number])
        of_image = Pictures()
        of_image.add(images[number].numpy())
        assert pictures.files[mistake["picture"]] == of_image.files[0]


def test_where_there_is_no_mistake_there_is_no_heatmap():
    model = CRBLDualModel("head")
    images = torch.zeros(2, 64, 64, 3, dtype=torch.uint8)
    dataset = PreparedDataset(images, torch.tensor([0.0, 1.0]), (Path("a.png"), Path("b.png")), 0)
    mistakes = worst_mistakes(dataset, torch.tensor([-1.0, 1.0]), 0.5)
    shown = mistakes_with_heatmaps(mistakes, model, SPEC, Pictures())
    assert (shown["false_alarms"], shown["missed_anomalies"], shown["missed_anomalies_in_all"]) == ([], [], 0)


@pytest.mark.parametrize("logits", [[-3.0, 0.5, 0.5, 4.0, 2.0], [1.0] * 5, [1e30, -1e30, 0.0, 1.0, 2.0]])
def test_every_score_is_in_a_bin_of_its_class(logits):
    histogram = score_histogram(torch.tensor(logits), torch.tensor([0.0, 1.0, 0.0, 1.0, 1.0]))
    assert len(histogram["edges"]) == len(histogram["normal"]) + 1 == len(histogram["anomalous"]) + 1
    assert histogram["edges"] == sorted(histogram["edges"])
    assert (sum(histogram["normal"]), sum(histogram["anomalous"])) == (2, 3)
