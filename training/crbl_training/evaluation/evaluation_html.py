"""An evaluation as HTML, which notebooks show: the metrics with their intervals, and the confusion matrix."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crbl_runtime.counted import counted
from crbl_runtime.html_table import html_table, html_text
from crbl_training.evaluation.bootstrap import Interval
from crbl_training.evaluation.kinds import KindRecall
from crbl_training.evaluation.metric_labels import METRIC_LABELS
from crbl_training.evaluation.without_mistakes import without_mistakes

if TYPE_CHECKING:
    from crbl_training.evaluation.metrics import Evaluation, Metrics

INTERVAL = "95 % interval"


def evaluation_html(evaluation: "Evaluation") -> str:
    """Tables, side by side where there is room, and what no mistake of a kind is worth."""
    metrics = evaluation.metrics
    tables = [_metrics(metrics, evaluation.intervals), _confusion_matrix(metrics)]
    tables += [_kinds(evaluation.kinds)] if evaluation.kinds else []
    sentences = [f"{counted(metrics.images, 'image')} at the threshold {metrics.threshold:.4g}"]
    sentences += without_mistakes(metrics)
    lines = "".join(f'<div style="font-size:13px">{html_text(sentence)}</div>' for sentence in sentences)
    blocks = "".join(f"<div>{table}</div>" for table in tables)
    return f'<div>{lines}<div style="display:flex;flex-wrap:wrap;gap:8px 40px;overflow-x:auto">{blocks}</div></div>'


def _metrics(metrics: "Metrics", intervals: dict[str, Interval]) -> str:
    rows = [
        (label, f"{getattr(metrics, name):.4f}", _interval(intervals[name]) if name in intervals else "")
        for name, label in METRIC_LABELS.items()
    ]
    return html_table(rows, ("metric", "value", INTERVAL))


def _confusion_matrix(metrics: "Metrics") -> str:
    rows = [
        ("normal", str(metrics.true_normal), str(metrics.false_alarm)),
        ("anomalous", str(metrics.missed_anomaly), str(metrics.true_anomaly)),
    ]
    return html_table(rows, ("images that are", "called normal", "called anomalous"))


def _kinds(kinds: Sequence[KindRecall]) -> str:
    rows = [
        (of_kind.kind or "(no kind)", f"{of_kind.recall:.4f}", _interval(of_kind.interval), _found(of_kind))
        for of_kind in kinds
    ]
    return html_table(rows, ("kind of anomaly", "recall", INTERVAL, "found"))


def _interval(interval: Interval) -> str:
    return f"{interval.low:.4f} to {interval.high:.4f}"


def _found(of_kind: KindRecall) -> str:
    return f"{of_kind.found} of {of_kind.images}"
