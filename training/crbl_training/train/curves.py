"""The curves of a run: losses, AUROC and average precision over the epochs."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from crbl_training.train.history import Epoch


def curves_png(history: Sequence["Epoch"], title: str, training_label: str = "training") -> bytes:
    """The curves as the content of a PNG file, 1000 × 400 pixels; `title` is above the losses."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    losses, scores = figure.subplots(1, 2)
    epochs = [epoch.number for epoch in history]
    best = next((epoch.number for epoch in reversed(history) if epoch.best), None)
    losses.plot(epochs, [epoch.train_loss for epoch in history], marker=".", label=training_label)
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
            axes.set(xlim=(epochs[0] - 1, epochs[0] + 1), xticks=epochs)
        axes.grid(alpha=0.3)
        if best is not None:
            axes.axvline(best, color="grey", linestyle=":", label="best epoch")
        axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()
