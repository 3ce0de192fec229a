"""The epochs of a training run, and the files that tell of them beside its checkpoint."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from crbl_runtime.atomic_file import write_bytes, write_text
from crbl_runtime.csv_file import write_csv
from crbl_training.evaluation.metrics import Metrics


@dataclass(frozen=True)
class Epoch:
    """The result of one epoch, counted from 1; 0 is the solved head before any step.

    Attributes:
        learning_rate: of its steps. train_loss: weighted, on augmented images. validation: neither.
        best: whether it is the best so far, see `is_better`. seconds: of wall time.
    """

    number: int
    learning_rate: float
    train_loss: float
    validation: Metrics
    best: bool
    seconds: float


def write_history(path: Path, history: Sequence[Epoch]) -> None:
    """One line an epoch, as CSV."""
    header = [
        "epoch", "learning_rate", "train_loss",
        "val_loss", "val_auroc", "val_average_precision", "val_accuracy",
        "best", "seconds",
    ]  # fmt: skip
    rows = [
        [
            epoch.number,
            f"{epoch.learning_rate:.3g}",
            f"{epoch.train_loss:.6f}",
            f"{epoch.validation.loss:.6f}",
            f"{epoch.validation.auroc:.6f}",
            f"{epoch.validation.average_precision:.6f}",
            f"{epoch.validation.accuracy:.6f}",
            int(epoch.best),
            f"{epoch.seconds:.1f}",
        ]
        for epoch in history
    ]
    write_csv(path, header, rows)


def write_metrics(path: Path, metrics: dict[str, Any]) -> None:
    """Metrics, and what else belongs to them, as JSON."""
    write_text(path, json.dumps(metrics, indent=2, sort_keys=True) + "\n")


def write_curves(path: Path, history: Sequence[Epoch], title: str, *, augmented: bool) -> None:
    """Losses, AUROC and average precision over the epochs, as PNG.

    Args:
        augmented: whether the training images of the epochs were.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    losses, scores = figure.subplots(1, 2)
    epochs = [epoch.number for epoch in history]
    best = next((epoch.number for epoch in reversed(history) if epoch.best), None)
    losses.plot(epochs, [epoch.train_loss for epoch in history], marker=".", label=_training_label(augmented))
    losses.plot(epochs, [epoch.validation.loss for epoch in history], marker=".", label="validation")
    losses.set(ylabel="cross-entropy", title=title)
    scores.plot(epochs, [epoch.validation.auroc for epoch in history], marker=".", label="AUROC")
    precision = [epoch.validation.average_precision for epoch in history]
    scores.plot(epochs, precision, marker=".", label="average precision")
    scores.plot(epochs, [epoch.validation.accuracy for epoch in history], marker=".", label="accuracy at the threshold")
    scores.set(title="validation", ylim=(0, 1.02))
    for axes in (losses, scores):
        axes.set_xlabel("epoch (0: the solved head)" if 0 in epochs else "epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        if len(epochs) == 1:  # Else the axis would show thousandths of an epoch.
            axes.set_xlim(epochs[0] - 1, epochs[0] + 1)
        axes.grid(alpha=0.3)
        if best is not None:
            axes.axvline(best, color="grey", linestyle=":", label="best epoch")
        axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    write_bytes(path, buffer.getvalue())


def _training_label(augmented: bool) -> str:
    return "training (weighted, augmented)" if augmented else "training (weighted)"
