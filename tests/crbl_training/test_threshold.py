"""A threshold that does what was asked for, and stays off the pictures it was chosen on."""

import pytest
import torch

from crbl_runtime.errors import UsageError
from crbl_training.evaluation import compute_metrics
from crbl_training.threshold import choose_threshold, parse_threshold_rule

LABELS = torch.tensor([0.0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
OVERLAPPING = torch.tensor([-4.0, -3, -2, 0.5, -1, -1.5, 0, 1, 2, 3])


def test_separable_scores_are_cut_half_way_between_the_classes() -> None:
    logits = torch.where(LABELS == 1, 3.0, -1.0)
    assert choose_threshold(parse_threshold_rule("f1"), logits, LABELS) == pytest.approx(1 / (1 + 2.718281828**-1))


def test_f1_is_the_best_there_is() -> None:
    chosen = choose_threshold(parse_threshold_rule("f1"), OVERLAPPING, LABELS)
    best = max(
        compute_metrics(OVERLAPPING, LABELS, float(torch.sigmoid(torch.tensor(boundary)))).f1
        for boundary in [score + 0.25 for score in [-5.0, *OVERLAPPING.tolist()]]
    )
    assert compute_metrics(OVERLAPPING, LABELS, chosen).f1 == pytest.approx(best)


@pytest.mark.parametrize(("recall", "expected"), [("0.6", 0.6), ("0.75", 0.8), ("1", 1.0), (".99", 1.0)])
def test_recall_is_reached_with_the_highest_threshold_that_does(recall: str, expected: float) -> None:
    chosen = choose_threshold(parse_threshold_rule(f"recall={recall}"), OVERLAPPING, LABELS)
    assert compute_metrics(OVERLAPPING, LABELS, chosen).recall == pytest.approx(expected)


def test_the_lowest_score_can_be_needed() -> None:
    logits = torch.tensor([0.0, 1.0, 2.0, -3.0])
    labels = torch.tensor([0.0, 0.0, 1.0, 1.0])
    chosen = choose_threshold(parse_threshold_rule("recall=1"), logits, labels)
    assert compute_metrics(logits, labels, chosen).recall == 1.0
    assert 0 < chosen < 1


@pytest.mark.parametrize("text", ["F1", "recall", "recall=0", "recall=1.01", "recall=x", "best", ""])
def test_other_rules_are_usage_errors(text: str) -> None:
    with pytest.raises(UsageError, match="keep, f1 or recall"):
        parse_threshold_rule(text)
