"""The numbers of the review page are those of scikit-learn and of crbl_training, read from the page."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn import metrics

from crbl_training.evaluation.consequences import Assumptions, consequences_of
from crbl_training.evaluation.threshold import best_threshold
from crbl_training.evaluation.threshold_rule import Costs, ThresholdRule
from report_pages.conftest import Open
from report_pages.shown_review import NONE, Shown
from review_pages import MadeReview, made_review

expect = pytest.importorskip("playwright.sync_api").expect

# Of crop and of full. With the last ones every image is anomalous, and none.
THRESHOLDS = (
    (0.01, 0.5),
    (0.5, 0.01),
    (0.0001, 0.99),
    (0.2, 0.2),
    (0.9, 0.35),
    (0.97, 0.97),
    (0.001, 0.001),
    (0.05, 1e-07),
    (0.0, 0.0),
    (1.0, 1.0),
)

# Numbers are read with four decimals; a half may be rounded either way.
HALF_OF_A_DIGIT = 5.0001e-5


def require_numbers(review: MadeReview, shown: Shown, crop: float, full: float) -> None:
    shown.move("crop", crop)
    shown.move("full", full)
    numbers, labels = shown.numbers(), review.labels
    for name, decisions in review.decisions(crop, full).items():
        anomalous = int(decisions.sum())
        assert numbers["called-anomalous", name] == (anomalous, str(anomalous))
        assert numbers["called-normal", name] == (len(decisions) - anomalous, str(len(decisions) - anomalous))
        assert shown.confusion(name) == metrics.confusion_matrix(labels, decisions, labels=[0, 1]).tolist()
        expected = {
            "precision": metrics.precision_score(labels, decisions) if anomalous else None,
            "recall": metrics.recall_score(labels, decisions),
            "f1": metrics.f1_score(labels, decisions),
            "accuracy": metrics.accuracy_score(labels, decisions),
        }
        for metric, value in expected.items():
            reckoned, text = numbers[metric, name]
            assert reckoned == pytest.approx(value, abs=1e-12), (metric, name, crop, full)
            assert text == NONE if value is None else float(text) == pytest.approx(value, abs=HALF_OF_A_DIGIT)


def test_metrics_at_ten_thresholds(review: MadeReview, shown: Shown) -> None:
    for crop, full in THRESHOLDS:
        require_numbers(review, shown, crop, full)


def test_an_image_at_the_threshold_itself_is_normal(review: MadeReview, shown: Shown) -> None:
    crop, full = (float(review.probabilities[variant][5]) for variant in ("crop", "full"))
    require_numbers(review, shown, crop, full)


def test_the_areas_below_the_curves(review: MadeReview, shown: Shown) -> None:
    for variant, logits in review.logits.items():
        assert len(np.unique(logits)) < len(logits)
        auroc = metrics.roc_auc_score(review.labels, logits)
        assert shown.metric("auroc", variant) == pytest.approx(auroc, abs=1e-12)
        average = metrics.average_precision_score(review.labels, logits)
        assert shown.metric("averagePrecision", variant) == pytest.approx(average, abs=1e-12)
    assert shown.numbers()["auroc", "combined"] == (None, "")


def test_the_slider_moves_the_numbers_and_the_marks_on_the_charts(review: MadeReview, shown: Shown) -> None:
    slider = shown.model("crop").get_by_role("slider")
    charts = shown.model("crop").locator(".chart"), *shown.page.locator(".curves .chart").all()
    before = [chart.locator("canvas").evaluate("canvas => canvas.toDataURL()") for chart in charts]
    slider.focus()
    shown.page.keyboard.press("ArrowLeft")
    # Steps are of a hundredth in log odds: a percent of a small threshold.
    assert shown.threshold("crop") < 0.01
    assert shown.threshold("crop") == pytest.approx(0.01, rel=0.02)
    shown.page.keyboard.press("End")
    assert shown.metric("called-anomalous", "crop") == 0
    slider.evaluate("slider => { slider.value = 0; slider.dispatchEvent(new Event('input', { bubbles: true })); }")
    assert shown.threshold("crop") == 0.5
    decisions = review.decisions(0.5, 0.5)["crop"]
    assert shown.metric("called-anomalous", "crop") == decisions.sum()
    false_alarms, recall = (decisions[review.labels == label].mean() for label in (0, 1))
    precision = review.labels[decisions == 1].mean()
    _, roc, precision_recall = charts
    assert f"crop ({false_alarms:.4f}, {recall:.4f})" in (roc.get_attribute("aria-label") or "")
    assert f"crop ({recall:.4f}, {precision:.4f})" in (precision_recall.get_attribute("aria-label") or "")
    for chart, drawn in zip(charts, before, strict=True):
        assert chart.locator("canvas").evaluate("canvas => canvas.toDataURL()") != drawn
    shown.model("crop").get_by_role("button", name="Reset to the model's threshold, 0.01").click()
    assert shown.threshold("crop") == 0.01


def test_what_is_no_threshold_is_refused_and_the_last_one_stays(shown: Shown) -> None:
    part = shown.model("crop")
    field = part.get_by_label("Threshold", exact=True)
    before = shown.metric("called-anomalous", "crop")
    for text in ("1.5", "-0.1", "half", ""):
        field.fill(text)
        expect(part.get_by_role("alert")).to_have_text("A number from 0 to 1.")
        assert shown.metric("called-anomalous", "crop") == before
    field.blur()
    assert shown.threshold("crop") == 0.01


@pytest.mark.parametrize(("rate", "costs"), [(None, Costs(50, 2)), (0.02, Costs(10, 0.5))])
def test_consequences_are_reckoned_as_crbl_evaluate_does(
    rate: float | None, costs: Costs, review: MadeReview, shown: Shown
) -> None:
    assert shown.metric("cost", "crop") is None
    shown.assume(costs.missed_anomaly, costs.false_alarm, rate)
    labels = torch.tensor(review.labels, dtype=torch.float32)
    for crop, full in THRESHOLDS[:4]:
        shown.move("crop", crop)
        shown.move("full", full)
        numbers = shown.numbers()
        for name, decisions in review.decisions(crop, full).items():
            # Logits that tell nothing but the decisions, so that there are some for both models together.
            logits = torch.tensor(decisions, dtype=torch.float32) - 0.5
            expected = consequences_of(logits, labels, 0.5, Assumptions(rate, costs=costs)).thresholds[0]
            assert numbers["missedAnomalies", name][0] == pytest.approx(expected.missed_anomalies, abs=1e-9)
            assert numbers["falseAlarms", name][0] == pytest.approx(expected.false_alarms, abs=1e-9)
            assert numbers["cost", name][0] == pytest.approx(expected.cost, abs=1e-9)


@pytest.mark.parametrize("variant", ["crop", "full"])
def test_the_rules_choose_as_crbl_train_does(variant: str, review: MadeReview, shown: Shown) -> None:
    part = shown.model(variant)
    part.get_by_text("Move it by a rule").click()
    expect(part).to_contain_text("flatters")
    scores = review.logits[variant].astype(np.float64)
    probabilities = review.probabilities[variant]

    def require_same(rule: ThresholdRule, button: str) -> None:
        part.get_by_role("button", name=button).click()
        chosen, moved_to = best_threshold(rule, scores, review.labels), shown.threshold(variant)
        assert (probabilities > moved_to).tolist() == (probabilities > chosen).tolist(), (str(rule), chosen, moved_to)
        assert shown.metric("called-anomalous", variant) == (probabilities > chosen).sum()

    require_same(ThresholdRule("f1"), "best F1")
    for recall in (0.5, 0.95, 1.0):
        part.locator(".joined input").fill(str(recall))
        require_same(ThresholdRule("recall", recall), "recall at least")
    for missed_anomaly, false_alarm, rate in ((10, 1, 0.1), (1, 10, 0.5), (1, 1e5, 0.001), (1e5, 1, 0.5)):
        shown.assume(missed_anomaly, false_alarm, rate)
        costs = Costs(missed_anomaly, false_alarm)
        require_same(ThresholdRule("cost", math.nan, costs, rate), "lowest cost")


def test_of_thresholds_that_are_equally_good_the_lowest_is_taken(tmp_path: Path, open_page: Open) -> None:
    review = made_review(Path("/data"), images=4, variants=("full",))
    # One anomaly found and one missed is as good, by F1 and by these costs, as all found with two false alarms.
    logits, labels = np.array([2.0, 1.0, -1.0, -2.0]), np.array([1, 0, 0, 1])
    review.data["labels"] = labels.tolist()
    review.data["models"][0] |= {"logits": logits.tolist(), "probabilities": (1 / (1 + np.exp(-logits))).tolist()}
    shown = Shown(open_page(review.write(tmp_path / "report.html")))
    shown.model("full").get_by_text("Move it by a rule").click()
    shown.assume(2, 1, 0.5)
    for rule, button in (("f1", "best F1"), ("cost", "lowest cost")):
        chosen = best_threshold(ThresholdRule(rule, math.nan, Costs(2, 1), 0.5), logits, labels)
        shown.model("full").get_by_role("button", name=button).click()
        # Below the lowest score the threshold is as far from it as crbl-train puts it.
        assert shown.threshold("full") == pytest.approx(chosen, rel=0.05)
        assert shown.metric("called-anomalous", "full") == 4
