"""kinds.py: the recall of each kind of anomaly, with an interval that few images and no mistake do not break."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.evaluation.kinds import SHOWN, KindRecall, kind_lines, recall_by_kind
from crbl_training.evaluation.metrics import evaluate
from crbl_training.evaluation.report import report_lines, report_on
from crbl_training.evaluation.scores import write_scores

KINDS = ("", "", "dent", "scratch", "dent", "", "scratch", "dent")
LABELS = torch.tensor([0.0, 0, 1, 1, 1, 1, 1, 1])
LOGITS = torch.tensor([-2.0, 1, 2, -1, 3, 4, 1, -1])


@pytest.mark.usefixtures("few_resamples")
def test_each_kind_is_counted_and_those_without_one_too():
    evaluation = evaluate(LOGITS, LABELS, 0.5, KINDS)
    assert evaluation.kinds == (KindRecall("", 1, 1), KindRecall("dent", 3, 2), KindRecall("scratch", 2, 1))
    assert sum(of_kind.found for of_kind in evaluation.kinds) == evaluation.metrics.true_anomaly
    values = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    dent = values["recall_by_kind"][1]
    assert (dent["kind"], dent["images"], dent["found"], dent["recall"]) == ("dent", 3, 2, pytest.approx(2 / 3))
    assert dent["interval"] == pytest.approx([0.2077, 0.9385], abs=1e-4)
    assert values["recall_by_kind_method"]["method"] == "Wilson score interval"
    assert "Wilson" in values["recall_by_kind_method"]["source"]


@pytest.mark.usefixtures("few_resamples")
def test_without_kinds_nothing_is_said():
    assert "recall_by_kind" not in evaluate(LOGITS, LABELS, 0.5).to_dict()
    assert recall_by_kind(("",) * 8, LABELS.numpy().astype(int), np.ones(8, dtype=int)) == ()
    assert kind_lines(()) == []


@pytest.mark.usefixtures("few_resamples")
def test_the_report_and_the_scores_show_the_kinds(tmp_path):
    paths = tuple(Path(f"{number}.png") for number in range(8))
    images = PreparedDataset(torch.zeros(8, 32, 32, 3, dtype=torch.uint8), LABELS, paths, 0, kinds=KINDS)
    lines = report_lines(report_on(images, LOGITS, 0.5))
    head = next(number for number, line in enumerate(lines) if line.startswith("  recall by kind"))
    assert lines[head].split() == ["recall", "by", "kind", "value", "95", "%", "interval", "found"]
    assert lines[head + 1].startswith("  (no kind) ")
    assert lines[head + 2].split() == ["dent", "0.6667", "0.2077", "to", "0.9385", "2", "of", "3"]
    write_scores(tmp_path / "scores.csv", images, LOGITS)
    rows = (tmp_path / "scores.csv").read_text(encoding="utf-8-sig").splitlines()
    assert rows[0] == "image_path,impurity,logit,probability,calibrated_probability,kind"
    assert rows[3].endswith(",dent")


def test_of_very_many_kinds_the_worst_are_printed():
    recalls = [KindRecall(f"kind {number:02}", 10, number % 11) for number in range(SHOWN + 5)]
    lines = kind_lines(recalls)
    assert len(lines) == SHOWN + 2
    assert lines[1].split()[:2] == ["kind", "00"]
    assert lines[-1] == "  and 5 kinds with a higher recall"
