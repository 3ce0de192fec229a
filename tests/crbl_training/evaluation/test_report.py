"""report.py: the table shows the metrics, and the files hold the same."""

import csv
import math
import re
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
import torch

from crbl_runtime.calibration import Calibration
from crbl_runtime.errors import CRBLError
from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.evaluation.calibration import calibrated_images
from crbl_training.evaluation.metrics import compute_metrics
from crbl_training.evaluation.report import (
    RELIABILITY_LABELS,
    EvaluationReport,
    reliability_lines,
    report_lines,
    report_on,
    write_report,
)
from crbl_training.file_names import MISTAKES_FILE, RELIABILITY_FILE

LABELS = torch.tensor([0.0] * 12 + [1.0] * 6)
LOGITS = torch.cat([torch.linspace(-4, 0.5, 12), torch.linspace(-0.3, 3, 6)])
IMAGES = PreparedDataset(
    torch.zeros(18, 32, 32, 3, dtype=torch.uint8), LABELS, tuple(Path(f"{n}.png") for n in range(18)), 0
)


@pytest.fixture(scope="module")
def report() -> EvaluationReport:
    return report_on(IMAGES, LOGITS, 0.5)


@pytest.fixture(scope="module")
def flawless() -> EvaluationReport:
    return report_on(IMAGES, torch.where(LABELS == 1, 2.0, -2.0), 0.5)


def test_table_holds_the_metrics_with_their_intervals(report):
    lines = report_lines(report)
    metrics = compute_metrics(LOGITS, LABELS, 0.5)
    shown = {}
    for line in lines[1:7]:
        label, *numbers = re.fullmatch(r"  ([\w ]+?)\s+([\d.]+)   ([\d.]+) to ([\d.]+)", line).groups()
        shown[label] = [float(number) for number in numbers]
    assert list(shown) == ["AUROC", "average precision", "accuracy", "precision", "recall", "F1"]
    for name, (value, low, high) in zip(report.evaluation.intervals, shown.values(), strict=True):
        interval = report.evaluation.intervals[name]
        expected = (getattr(metrics, name), interval.low, interval.high)
        assert (value, low, high) == pytest.approx(expected, abs=5e-5), name


def test_confusion_matrix_stands_under_the_threshold(report):
    header, normal, anomalous = report_lines(report)[7:10]
    assert header.split() == ["threshold", "0.5", "called", "normal", "called", "anomalous"]
    assert normal.split() == ["normal", "10", "2"]
    assert anomalous.split() == ["anomalous", "1", "5"]
    assert report_lines(report)[10].startswith("  Of 1,000 images with a defect rate of 0.3333")


def test_a_metric_without_a_mistake_is_said_to_be_worth_three_in_n(flawless):
    lines = report_lines(flawless)
    assert lines[10] == "  No anomaly of 6 was missed: of others, up to 50.0% may be."
    assert lines[11] == "  No false alarm on 12 images: on others, up to 25.0% may be."


def test_files_are_those_of_the_metrics(report, tmp_path):
    values = write_report(tmp_path, "scores.csv", report, "CRBL crop")
    assert sorted(path.name for path in tmp_path.iterdir()) == [RELIABILITY_FILE, "scores.csv", MISTAKES_FILE]
    with (tmp_path / "scores.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["logit"]) for row in rows] == pytest.approx(LOGITS.tolist(), abs=1e-6)
    assert cv2.imread(str(tmp_path / MISTAKES_FILE)) is not None
    assert [row["calibrated_probability"] for row in rows] == [""] * 18
    assert cv2.imread(str(tmp_path / RELIABILITY_FILE)) is not None
    assert values["scores"] == "scores.csv"
    assert [entry["path"] for entry in values["worst_mistakes"]["false_alarms"]] == ["11.png", "10.png"]
    assert [entry["path"] for entry in values["worst_mistakes"]["missed_anomalies"]] == ["12.png"]


def test_an_older_sheet_of_mistakes_does_not_outlive_them(report, flawless, tmp_path):
    write_report(tmp_path, "scores.csv", report, "CRBL crop")
    with_mistakes = (tmp_path / MISTAKES_FILE).read_bytes()
    write_report(tmp_path, "scores.csv", flawless, "CRBL crop")
    assert (tmp_path / MISTAKES_FILE).read_bytes() != with_mistakes


def test_nan_has_no_report():
    with pytest.raises(CRBLError, match="NaN or infinite logits"):
        report_on(IMAGES, LOGITS.index_fill(0, torch.tensor([3]), math.nan), 0.5)


def test_a_calibration_is_shown_beside_the_raw_probabilities_and_said_to_be_no_better_where_it_is_not():
    good = Calibration("platt", slope=2.0, intercept=0.0, images=40, anomalies=12, data_hash="")
    bad = replace(good, slope=0.01, intercept=3.0)
    none, better, worse = (
        report_on(IMAGES, LOGITS, 0.5, None if each is None else calibrated_images(each, LOGITS))
        for each in (None, good, bad)
    )
    assert reliability_lines(none) == [
        "  probabilities           raw",
        *(
            f"  {label:18} {value:8.4f}"
            for label, value in zip(RELIABILITY_LABELS.values(), measures(none), strict=True)
        ),
    ]
    for report in (better, worse):
        calibrated = report.calibrated_reliability.measures().values()
        shown = [line.split()[-2:] for line in reliability_lines(report)[1:4]]
        assert shown == [
            [f"{one:.4f}", f"{other:.4f}"] for one, other in zip(measures(report), calibrated, strict=True)
        ]
        assert "fitted to 40 images, 12 of them anomalous." in reliability_lines(report)[4]
        assert report.evaluation == none.evaluation
    assert not any("no better" in line for line in reliability_lines(better))
    assert reliability_lines(worse)[-1].startswith("  On these images the calibrated probabilities are no better")


def measures(report):
    return report.reliability.measures().values()
