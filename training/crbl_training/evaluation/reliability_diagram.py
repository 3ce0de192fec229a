"""The reliability diagram: what probability the model gives, and how many of such images are anomalous."""

import io
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from crbl_runtime.atomic_file import write_bytes
from crbl_training.evaluation.reliability import Reliability
from crbl_training.image_grid import drawable, installed_fonts

RAW_COLOUR, CALIBRATED_COLOUR = "tab:orange", "tab:blue"


def write_reliability_diagram(
    path: Path, title: str, raw: Reliability, calibrated: Reliability | None, held_out: bool
) -> None:
    """Draw the bins with the intervals of their shares as PNG: as the network gives them and, beside, calibrated.

    Args:
        calibrated: None where there is no calibration. held_out: see `CalibratedImages`.
    """
    panels = [("mean probability as the network gives it", raw, RAW_COLOUR)]
    if calibrated is not None:
        how = "calibrated by a fit to the other folds" if held_out else "calibrated"
        panels.append((f"mean probability, {how}", calibrated, CALIBRATED_COLOUR))
    figure = Figure(figsize=(5.4 * len(panels), 6.2), layout="constrained")
    FigureCanvasAgg(figure)
    # A dollar sign in a file's name is a dollar sign, not the start of a formula.
    figure.suptitle(drawable(title), wrap=True, size=11, family=installed_fonts(), parse_math=False)
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _draw(axes, *panel)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    write_bytes(path, buffer.getvalue())


def _draw(axes: Axes, name: str, measured: Reliability, colour: str) -> None:
    bins = measured.bins
    shares = [each.share for each in bins]
    below = [each.share - each.low for each in bins]
    above = [each.high - each.share for each in bins]
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="as it should be")
    axes.errorbar(
        [each.probability for each in bins],
        shares,
        # Rounding may leave an end of the interval a last bit on the wrong side of the share.
        yerr=[[max(0.0, length) for length in below], [max(0.0, length) for length in above]],
        color=colour,
        marker="o",
        linewidth=1,
        capsize=3,
        label="bin, its number of images, 95 % interval",
    )
    for each in bins:
        axes.annotate(
            str(each.images), (each.probability, each.share), (6, -12), textcoords="offset points", size=8, color=colour
        )
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal", xlabel=name, ylabel="share of anomalies")
    axes.set_title(
        f"calibration error {measured.calibration_error:.3f}, Brier score {measured.brier:.3f}, "
        f"log loss {measured.log_loss:.3f}",
        size=9,
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", fontsize=9)
