"""evaluation_html.py: a notebook shows the metrics as they are, and kinds as text."""

from dataclasses import replace

import torch

from crbl_training.evaluation.bootstrap import Interval
from crbl_training.evaluation.kinds import KindRecall
from crbl_training.evaluation.metrics import Evaluation, compute_metrics
from shown_html import ShownHTML

LOGITS = torch.tensor([-2.0, -1.0, 0.5, 3.0, -0.5, 2.0, 4.0])
LABELS = torch.tensor([0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0])
METRICS = compute_metrics(LOGITS, LABELS, 0.5)
NAMES = ("auroc", "average_precision", "accuracy", "precision", "recall", "f1")
EVALUATION = Evaluation(METRICS, {name: Interval(0.1 * n, 0.1 * n + 0.05) for n, name in enumerate(NAMES)})
HOSTILE = "<img src=x onerror=alert(1)>"


def shown(evaluation: Evaluation) -> ShownHTML:
    found = ShownHTML.of(evaluation._repr_html_())
    found.require_harmless()
    return found


def test_the_metrics_are_shown_with_their_intervals() -> None:
    page = shown(EVALUATION)
    assert page.rows[0] == ["metric", "value", "95 % interval"]
    values = [
        [f"{getattr(METRICS, name):.4f}", f"{0.1 * n:.4f} to {0.1 * n + 0.05:.4f}"] for n, name in enumerate(NAMES)
    ]
    assert [row[1:] for row in page.rows[1:7]] == values
    assert page.rows[1][0] == "AUROC"
    assert page.text.startswith("7 images at the threshold 0.5")


def test_the_confusion_matrix_has_the_truth_in_its_rows() -> None:
    assert shown(EVALUATION).rows[7:] == [
        ["images that are", "called normal", "called anomalous"],
        ["normal", "2", "1"],
        ["anomalous", "1", "3"],
    ]


def test_what_no_mistake_is_worth_is_said() -> None:
    faultless = Evaluation(compute_metrics(LOGITS, LABELS, 0.05), {})
    assert "No anomaly of 4 was missed: of others, up to 75.0% may be." in shown(faultless).text
    assert "No anomaly" not in shown(EVALUATION).text


def test_kinds_are_text_from_folders_and_no_markup() -> None:
    kinds = (KindRecall(HOSTILE, 4, 3), KindRecall("", 2, 2))
    rows = shown(replace(EVALUATION, kinds=kinds)).rows[-2:]
    assert [[row[0], row[1], row[3]] for row in rows] == [
        [HOSTILE, "0.7500", "3 of 4"],
        ["(no kind)", "1.0000", "2 of 2"],
    ]


def test_metrics_without_intervals_are_shown_too() -> None:
    assert [row[2] for row in shown(Evaluation(METRICS, {})).rows[1:7]] == [""] * 6
