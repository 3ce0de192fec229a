"""A threshold that does what was asked for, and stays off the images it was chosen on."""

import json
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from crbl_runtime.errors import CRBLError, DataError, UsageError
from crbl_training.evaluation.metrics import compute_metrics
from crbl_training.evaluation.threshold import ChosenThreshold, best_threshold, choose_threshold
from crbl_training.evaluation.threshold_rule import parse_threshold_rule

LABELS = torch.tensor([0.0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
OVERLAPPING = torch.tensor([-4.0, -3, -2, 0.5, -1, -1.5, 0, 1, 2, 3])


def choose(text: str, logits: Tensor, labels: Tensor) -> ChosenThreshold:
    return choose_threshold(parse_threshold_rule(text), logits, labels, data_hash="0123")


def best(text: str, logits: Tensor, labels: Tensor) -> float:
    return best_threshold(parse_threshold_rule(text), logits.double().numpy(), labels.long().numpy())


def test_separable_scores_are_cut_half_way_between_the_classes() -> None:
    logits = torch.where(LABELS == 1, 3.0, -1.0)
    assert best("f1", logits, LABELS) == pytest.approx(1 / (1 + 2.718281828**-1))


def test_f1_is_the_best_there_is() -> None:
    chosen = best("f1", OVERLAPPING, LABELS)
    highest = max(
        compute_metrics(OVERLAPPING, LABELS, float(torch.sigmoid(torch.tensor(boundary)))).f1
        for boundary in [score + 0.25 for score in [-5.0, *OVERLAPPING.tolist()]]
    )
    assert compute_metrics(OVERLAPPING, LABELS, chosen).f1 == pytest.approx(highest)


@pytest.mark.parametrize(("recall", "expected"), [("0.6", 0.6), ("0.75", 0.8), ("1", 1.0), (".99", 1.0)])
def test_recall_is_reached_with_the_highest_threshold_that_does(recall: str, expected: float) -> None:
    chosen = best(f"recall={recall}", OVERLAPPING, LABELS)
    assert compute_metrics(OVERLAPPING, LABELS, chosen).recall == pytest.approx(expected)


def test_the_lowest_score_can_be_needed() -> None:
    logits = torch.tensor([0.0, 1.0, 2.0, -3.0])
    labels = torch.tensor([0.0, 0.0, 1.0, 1.0])
    chosen = best("recall=1", logits, labels)
    assert compute_metrics(logits, labels, chosen).recall == 1.0
    assert 0 < chosen < 1


def test_recall_is_reached_among_very_certain_mistakes() -> None:
    # A probability of 2e-9 is one that a model file can tell from nought.
    logits = torch.tensor([-30.0, 1.0, 2.0, -20.0])
    labels = torch.tensor([0.0, 0.0, 1.0, 1.0])
    chosen = best("recall=1", logits, labels)
    assert compute_metrics(logits, labels, chosen).recall == 1.0
    assert compute_metrics(logits, labels, chosen).true_normal == 1


def test_scores_beyond_all_float32_probabilities_keep_the_recall() -> None:
    logits = torch.tensor([-900.0, -800.0, 800.0, 900.0])
    chosen = best("recall=1", logits, torch.tensor([0.0, 0.0, 1.0, 1.0]))
    assert chosen == pytest.approx(0.5)
    high = best("recall=1", torch.tensor([700.0, 900.0]), torch.tensor([0.0, 1.0]))
    assert 0.99 < high < 1


@pytest.mark.parametrize("rule", ["f1", "recall=0.8"])
def test_interval_is_where_resampled_images_put_the_threshold(rule: str) -> None:
    generator = torch.Generator().manual_seed(0)
    normal, anomalous = (torch.randn(80, generator=generator) + shift for shift in (-1, 1))
    labels = torch.arange(160).ge(80).float()
    chosen = choose(rule, torch.cat([normal, anomalous]), labels)
    assert chosen.value == best(rule, torch.cat([normal, anomalous]), labels)
    again = [
        best(
            rule,
            torch.cat([part[torch.randint(80, (80,), generator=generator)] for part in (normal, anomalous)]),
            labels,
        )
        for _ in range(300)
    ]
    assert chosen.interval.low == pytest.approx(np.quantile(again, 0.025), abs=0.05)
    assert chosen.interval.high == pytest.approx(np.quantile(again, 0.975), abs=0.05)
    assert chosen.interval.low < chosen.value < chosen.interval.high


def test_the_order_of_the_images_does_not_matter() -> None:
    assert choose("f1", OVERLAPPING.flip(0), LABELS.flip(0)) == choose("f1", OVERLAPPING, LABELS)


def test_choice_says_what_it_was_made_on() -> None:
    chosen = choose("recall=0.99", OVERLAPPING, LABELS)
    values = json.loads(json.dumps(chosen.to_dict()))
    assert (values["rule"], values["images"], values["data_hash"]) == ("recall=0.99", 10, "0123")
    assert values["threshold"] == chosen.value
    assert values["interval"] == [chosen.interval.low, chosen.interval.high]
    assert chosen.source.startswith("recall=0.99 on 10 validation images (95 % interval ")
    assert f"{chosen.interval.low:.4g} to {chosen.interval.high:.4g}" in chosen.source


@pytest.mark.parametrize(("label", "missing"), [(0.0, "anomaly"), (1.0, "normal")])
def test_one_class_alone_has_no_threshold(label: float, missing: str) -> None:
    with pytest.raises(DataError, match=rf"--threshold f1 needs .* none of the 3 .* is {missing}.*--threshold keep"):
        choose("f1", torch.zeros(3), torch.full((3,), label))


def test_logits_that_are_not_finite_have_no_threshold() -> None:
    with pytest.raises(CRBLError, match="NaN or infinite"):
        choose("f1", torch.tensor([0.0, math.nan]), torch.tensor([0.0, 1.0]))


@pytest.mark.parametrize("text", ["keep", "f1", "recall=0.99", "recall=0.123456789"])
def test_a_rule_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_threshold_rule(text)) == text


@pytest.mark.parametrize("text", ["F1", "recall", "recall=0", "recall=1.01", "recall=x", "best", ""])
def test_other_rules_are_usage_errors(text: str) -> None:
    with pytest.raises(UsageError, match="keep, f1 or recall"):
        parse_threshold_rule(text)
