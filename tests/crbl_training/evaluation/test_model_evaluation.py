"""model_evaluation.py: from Python a model is measured as the commands measure it."""

import json
from pathlib import Path

import pytest

from crbl_training import evaluate_model, open_model, read_labelled
from crbl_training.evaluation.threshold_rule import ThresholdRule
from public_commands import Trained


def test_a_checkpoint_has_on_its_validation_images_the_metrics_of_its_training(crop: Trained, grains: Path) -> None:
    with open_model(crop.checkpoint, "cpu") as model:
        measured = evaluate_model(model, read_labelled(grains / "validation.csv"))
        other = evaluate_model(model, read_labelled(grains / "validation.csv"), threshold=ThresholdRule("recall", 1.0))
    recorded = json.loads((crop.checkpoint.parent / "metrics.json").read_text(encoding="utf-8"))
    shown = measured.report.evaluation.to_dict()
    assert shown.pop("loss") == pytest.approx(recorded["validation"].pop("loss"), abs=1e-6)
    assert shown == recorded["validation"]
    assert measured.data_hash == recorded["validation_data_hash"]
    assert measured.threshold.value == measured.report.evaluation.metrics.threshold == model.threshold
    assert other.report.evaluation.metrics.recall == 1
    assert other.threshold.chosen is not None
