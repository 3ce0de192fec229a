"""The epochs of a training run, and the files that tell of them beside its checkpoint."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crbl_runtime.atomic_file import write_bytes, write_text
from crbl_runtime.csv_file import write_csv
from crbl_training.evaluation.metrics import Metrics
from crbl_training.train.curves import curves_png


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


class History(tuple[Epoch, ...]):
    """The epochs of a run, in order."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        """Curves and a table, which notebooks show."""
        from crbl_training.train.history_html import history_html

        return history_html(self)


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
    """The curves (see `curves_png`), as PNG; `augmented` says whether the training images of the epochs were."""
    label = "training (weighted, augmented)" if augmented else "training (weighted)"
    write_bytes(path, curves_png(history, title, label))
