"""metrics.py: metrics counted by hand."""

import json
import math

import pytest
import torch

from crbl_runtime.errors import CRBLError
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.evaluation.metrics import (
    compute_metrics,
    evaluate,
    predict_logits,
    require_finite_logits,
)
from crbl_training.evaluation.network_outputs import EVALUATION_BATCH
from crbl_training.model.crbl import create_full_model
from crbl_training.model.network_input import network_input

LOGITS = torch.tensor([-2.0, -1.0, 0.5, 3.0, -0.5, 2.0])
LABELS = torch.tensor([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])


def test_metrics_at_a_half():
    measured = compute_metrics(LOGITS, LABELS, threshold=0.5)
    assert (measured.true_normal, measured.false_alarm) == (2, 1)
    assert (measured.missed_anomaly, measured.true_anomaly) == (1, 2)
    for value in (measured.accuracy, measured.precision, measured.recall, measured.f1):
        assert value == pytest.approx(2 / 3)
    # Of the nine pairs of an anomaly and a normal image only (-0.5, 0.5) is the wrong way round.
    assert measured.auroc == pytest.approx(8 / 9)
    assert measured.average_precision == pytest.approx((1 + 1 + 3 / 4) / 3)
    signed = [z if y == 0 else -z for z, y in zip(LOGITS.tolist(), LABELS.tolist(), strict=True)]
    assert measured.loss == pytest.approx(sum(math.log1p(math.exp(z)) for z in signed) / 6)
    assert measured.images == 6


def test_the_threshold_itself_is_normal():
    # sigmoid(0) is 0.5 exactly: anomalous is what is greater than the threshold.
    measured = compute_metrics(torch.tensor([0.0, 0.0]), torch.tensor([0.0, 1.0]), threshold=0.5)
    assert (measured.true_normal, measured.missed_anomaly) == (1, 1)


def test_threshold_decides_the_confusion_matrix_alone():
    low, high = compute_metrics(LOGITS, LABELS, 0.01), compute_metrics(LOGITS, LABELS, 0.99)
    assert (low.recall, low.true_normal) == (1.0, 0)
    assert (high.recall, high.true_normal, high.precision) == (0.0, 3, 0.0)
    assert (low.auroc, low.loss) == (high.auroc, high.loss)


def test_metrics_are_json_types():
    assert {type(value) for value in compute_metrics(LOGITS, LABELS, 0.5).to_dict().values()} == {int, float}


def test_evaluation_has_the_same_metrics_and_an_interval_around_each():
    evaluation = evaluate(LOGITS, LABELS, 0.5)
    assert evaluation.metrics == compute_metrics(LOGITS, LABELS, 0.5)
    values = json.loads(json.dumps(evaluation.to_dict()))
    for name, (low, high) in values["intervals"].items():
        assert low <= values[name] <= high, name
        assert low < high, name
    assert values["interval_method"]["resamples"] == 1000


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_logits_that_are_not_finite_have_no_metrics(bad):
    require_finite_logits(LOGITS)
    with pytest.raises(CRBLError, match="NaN or infinite logits"):
        require_finite_logits(LOGITS.index_fill(0, torch.tensor([2]), bad))


def test_logits_come_in_order_from_a_model_in_eval_mode():
    torch.manual_seed(0)
    model = create_full_model().train()
    images = torch.randint(0, 256, (EVALUATION_BATCH + 3, 32, 32, 3), dtype=torch.uint8)
    spec = PreprocessingSpec("whole", image_size=32)
    logits = predict_logits(model, images, spec, torch.device("cpu"))
    assert not model.training
    assert logits.shape == (len(images),)
    assert not logits.requires_grad
    with torch.no_grad():
        torch.testing.assert_close(logits, model(network_input(images, spec)), rtol=1e-4, atol=1e-6)
