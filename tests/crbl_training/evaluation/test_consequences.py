"""consequences.py: what thresholds mean for 1,000 images, counted by hand."""

import json
import math

import pytest
import torch

from crbl_training.evaluation.consequences import Assumptions, consequence_lines, consequences_of, get_assumptions
from crbl_training.evaluation.metrics import compute_metrics
from crbl_training.evaluation.threshold_rule import Costs

LABELS = torch.tensor([0.0] * 8 + [1.0] * 4)
# At 1/2, which is a logit of 0: two of eight normal images are false alarms, and one of four anomalies is missed.
PRICED = get_assumptions(0.02, Costs(50, 2), {})
LOGITS = torch.tensor([-5.0, -4, -3, -2.5, -2, -1.5, 0.5, 1, -1, 2, 3, 4])


def test_misses_and_false_alarms_of_a_thousand_at_the_share_of_these_images():
    consequences = consequences_of(LOGITS, LABELS, 0.5, Assumptions())
    this = consequences.thresholds[0]
    assert consequences.defect_rate == pytest.approx(1 / 3)
    assert (this.chosen_by, this.threshold, this.recall, this.cost) == ("this threshold", 0.5, 0.75, None)
    assert this.missed_anomalies == pytest.approx(1000 / 3 / 4)
    assert this.false_alarms == pytest.approx(2000 / 3 / 4)
    assert [each.chosen_by for each in consequences.thresholds[1:]] == [
        "recall=0.9",
        "recall=0.95",
        "recall=0.99",
        "f1",
    ]


def test_a_given_defect_rate_and_costs_change_the_reckoning():
    consequences = consequences_of(LOGITS, LABELS, 0.5, PRICED)
    this, *others = consequences.thresholds
    assert this.missed_anomalies == pytest.approx(1000 * 0.02 / 4)
    assert this.false_alarms == pytest.approx(1000 * 0.98 / 4)
    assert this.cost == pytest.approx(5 * 50 + 245 * 2)
    assert others[-1].chosen_by == "cost=50:2"
    assert others[-1].cost == min(each.cost for each in consequences.thresholds)


def test_recalls_are_reached_and_the_figures_are_those_of_the_metrics():
    for each in consequences_of(LOGITS, LABELS, 0.5, Assumptions(0.1)).thresholds:
        measured = compute_metrics(LOGITS, LABELS, each.threshold)
        assert each.recall == pytest.approx(measured.recall)
        assert each.false_alarm_rate == pytest.approx(measured.false_alarm / 8)
        if each.chosen_by.startswith("recall="):
            assert each.recall >= float(each.chosen_by.removeprefix("recall="))


def test_table_shows_the_figures():
    consequences = consequences_of(LOGITS, LABELS, 0.5, PRICED)
    title, header, *rows = consequence_lines(consequences)
    assert title == "  Of 1,000 images with a defect rate of 0.02 (--defect-rate):"
    assert header.split() == ["threshold", "missed", "anomalies", "false", "alarms", "cost", "at", "50:2"]
    assert rows[0].split() == ["this", "threshold", "0.5", "5.0", "245.0", "740.0"]
    assert [row.split()[0] for row in rows[1:6]] == ["recall=0.9", "recall=0.95", "recall=0.99", "f1", "cost=50:2"]
    assert "chosen on these very images" in rows[6]
    assert len(rows) == 7
    without = consequence_lines(consequences_of(LOGITS, LABELS, 0.5, Assumptions()))
    assert "0.3333 (as among these images; --defect-rate sets another)" in without[0]
    assert "cost" not in without[1]


@pytest.mark.parametrize(("threshold", "decision"), [(0.0, "anomalous"), (1.0, "normal")])
def test_a_threshold_that_decides_all_alike_is_said_to(threshold, decision):
    lines = consequence_lines(consequences_of(LOGITS, LABELS, threshold, Assumptions()))
    assert lines[-1] == f"  Note: the threshold {threshold:.4g} calls every one of these images {decision}."


def test_a_perfect_model_is_no_such_threshold():
    lines = consequence_lines(consequences_of(torch.where(LABELS == 1, 5.0, -5.0), LABELS, 0.5, Assumptions()))
    assert not [line for line in lines if "Note" in line]


def test_json_has_all_and_no_nan():
    values = json.loads(json.dumps(consequences_of(LOGITS, LABELS, 0.5, PRICED).to_dict(), allow_nan=False))
    assert values["costs"] == {"missed_anomaly": 50, "false_alarm": 2}
    assert (values["defect_rate"], values["origin"], values["per_images"]) == (0.02, "--defect-rate", 1000)
    assert values["thresholds"][0]["threshold"] == 0.5
    assert all(math.isfinite(each["cost"]) for each in values["thresholds"])


def test_a_model_s_own_costs_and_rate_count_where_nobody_says_others():
    recorded = {"threshold_choice": {"rule": "cost=30:2", "defect_rate": 0.01}}
    own = get_assumptions(None, None, recorded)
    assert (own.defect_rate, own.costs) == (0.01, Costs(30, 2))
    given = get_assumptions(0.5, None, recorded)
    assert (given.defect_rate, given.origin, given.costs) == (0.5, "--defect-rate", Costs(30, 2))
    # Costs of another rule do not bring the rate of the model's.
    assert get_assumptions(None, Costs(1, 1), recorded) == Assumptions(costs=Costs(1, 1))
    for choice in (None, {"rule": "f1", "defect_rate": 0.01}, {"rule": "cost=x", "defect_rate": 0.01}):
        assert get_assumptions(None, None, {"threshold_choice": choice}) == Assumptions()
