"""The history of a run as HTML, which notebooks show: its curves, and a row for each epoch."""

from base64 import b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING

from crbl_runtime.html_table import html_table
from crbl_training.train.curves import curves_png

if TYPE_CHECKING:
    from crbl_training.train.history import Epoch

HEADER = (
    "epoch", "learning rate", "training loss",
    "validation loss", "AUROC", "average precision", "accuracy",
    "seconds", "best so far",
)  # fmt: skip


def history_html(history: Sequence["Epoch"]) -> str:
    """The curves and a table, which scrolls where the epochs are many; a sentence where there are none."""
    if not history:
        return "<div>No epochs</div>"
    curves = b64encode(curves_png(history, "losses")).decode("ascii")
    table = html_table([_row(epoch) for epoch in history], HEADER)
    return (
        f'<div><img alt="Losses and metrics over the epochs" src="data:image/png;base64,{curves}" '
        'style="max-width:100%;height:auto;background:#fff">'
        f'<div style="max-height:320px;overflow:auto">{table}</div></div>'
    )


def _row(epoch: "Epoch") -> tuple[str, ...]:
    validation = epoch.validation
    return (
        "0 (the solved head)" if epoch.number == 0 else str(epoch.number),
        f"{epoch.learning_rate:.3g}",
        f"{epoch.train_loss:.4f}",
        f"{validation.loss:.4f}",
        f"{validation.auroc:.4f}",
        f"{validation.average_precision:.4f}",
        f"{validation.accuracy:.4f}",
        f"{epoch.seconds:.1f}",
        "yes" if epoch.best else "",
    )
