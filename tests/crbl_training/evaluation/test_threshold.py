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


@pytest.mark.parametrize("rule", ["f1", "recall=0.8", "cost=3:1"])
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
    assert chosen.source().startswith("recall=0.99 on 10 validation images (95 % interval ")
    assert f"{chosen.interval.low:.4g} to {chosen.interval.high:.4g}" in chosen.source()


@pytest.mark.parametrize(("label", "missing"), [(0.0, "anomaly"), (1.0, "normal")])
def test_one_class_alone_has_no_threshold(label: float, missing: str) -> None:
    with pytest.raises(DataError, match=rf"--threshold f1 needs .* none of the 3 .* is {missing}.*--threshold keep"):
        choose("f1", torch.zeros(3), torch.full((3,), label))


def test_logits_that_are_not_finite_have_no_threshold() -> None:
    with pytest.raises(CRBLError, match="NaN or infinite"):
        choose("f1", torch.tensor([0.0, math.nan]), torch.tensor([0.0, 1.0]))


@pytest.mark.parametrize("text", ["keep", "f1", "recall=0.99", "recall=0.123456789", "cost=10:1", "cost=0.5:250000"])
def test_a_rule_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_threshold_rule(text)) == text


@pytest.mark.parametrize(
    "text", ["F1", "recall", "recall=0", "recall=1.01", "recall=x", "best", "", "cost", "Cost=1:1"]
)
def test_other_rules_are_usage_errors(text: str) -> None:
    with pytest.raises(UsageError, match=r"keep, f1, recall=R .* or cost=FN:FP"):
        parse_threshold_rule(text)


@pytest.mark.parametrize("text", ["cost=", "cost=10", "cost=10:", "cost=a:b", "cost=1:2:3", "cost=nan:1", "cost=inf:1",
                                  "cost=10/1", "cost= 10:1"])  # fmt: skip
def test_costs_that_are_no_two_numbers_are_usage_errors(text: str) -> None:
    with pytest.raises(UsageError, match=r"as two numbers, as in cost=10:1"):
        parse_threshold_rule(text)


@pytest.mark.parametrize(
    ("text", "mistake"), [("cost=0:1", "a missed anomaly"), ("cost=1:0", "a false alarm"), ("cost=0:0", "a missed"),
                       ("cost=-1:2", "a missed"), ("cost=2:-1", "a false alarm"), ("cost=1e999:1", "a missed"),
                       ("cost=1e-999:1", "a missed")]
)  # fmt: skip
def test_costs_that_leave_nothing_to_weigh_are_usage_errors(text: str, mistake: str) -> None:
    with pytest.raises(UsageError, match=f"the cost of {mistake}.* is .*, expected a positive number"):
        parse_threshold_rule(text)


@pytest.mark.parametrize("text", ["cost=1000001:1", "cost=1:1e7", "cost=1e300:1e-300"])
def test_costs_too_far_apart_are_usage_errors(text: str) -> None:
    with pytest.raises(UsageError, match=r"further apart than 1 to 1,000,000.*recall=1"):
        parse_threshold_rule(text)
    assert parse_threshold_rule("cost=1e6:1").kind == parse_threshold_rule("cost=1:1000000").kind == "cost"


def expected_cost(threshold: float, missed: float, false_alarm: float, rate: float) -> float:
    measured = compute_metrics(OVERLAPPING, LABELS, threshold)
    return rate * (1 - measured.recall) * missed + (1 - rate) * measured.false_alarm / 5 * false_alarm


@pytest.mark.parametrize("rate", [0.001, 0.1, 0.5, 0.9])
@pytest.mark.parametrize(("missed", "false_alarm"), [(10.0, 1.0), (1.0, 1.0), (1.0, 10.0), (1e6, 1.0), (1.0, 1e6)])
def test_no_threshold_costs_less(missed: float, false_alarm: float, rate: float) -> None:
    rule = parse_threshold_rule(f"cost={missed}:{false_alarm}", rate)
    chosen = best_threshold(rule, OVERLAPPING.double().numpy(), LABELS.long().numpy())
    others = [float(torch.sigmoid(torch.tensor(score + 0.25))) for score in [-5.0, *OVERLAPPING.tolist()]]
    lowest = min(expected_cost(other, missed, false_alarm, rate) for other in others)
    assert expected_cost(chosen, missed, false_alarm, rate) == pytest.approx(lowest)


def test_of_thresholds_that_cost_the_same_the_one_with_fewer_misses_is_taken() -> None:
    logits, labels = torch.tensor([-1.0, 0.0, 1.0, 2.0]), torch.tensor([0.0, 1.0, 0.0, 1.0])
    # Half-way between the first two: one false alarm, which costs as much as the miss that the third would bring.
    assert best("cost=7:7", logits, labels) == pytest.approx(1 / (1 + math.exp(0.5)))
    assert best("cost=6.99:7", logits, labels) == pytest.approx(1 / (1 + math.exp(-1.5)))


def test_where_false_alarms_are_dear_nothing_is_called_anomalous() -> None:
    logits, labels = torch.tensor([-1.0, 3.0, 2.0]), torch.tensor([1.0, 0.0, 1.0])
    chosen = best("cost=1:1000", logits, labels)
    assert chosen == pytest.approx(1 / (1 + math.exp(-4)))


def test_costs_are_weighed_at_the_share_of_the_images_where_no_defect_rate_is_given() -> None:
    chosen = choose("cost=10:1", OVERLAPPING, LABELS)
    given = choose_threshold(parse_threshold_rule("cost=10:1", 0.5), OVERLAPPING, LABELS, "0123")
    assert chosen == given
    assert chosen.to_dict()["defect_rate"] == 0.5
    assert chosen.to_dict()["rule"] == "cost=10:1"
    assert chosen.source().startswith("cost=10:1 at a defect rate of 0.5 on 10 validation images (95 % interval ")
    rare = choose_threshold(parse_threshold_rule("cost=10:1", 0.001), OVERLAPPING, LABELS, "0123")
    assert rare.value > chosen.value
    assert choose("f1", OVERLAPPING, LABELS).to_dict()["defect_rate"] is None
