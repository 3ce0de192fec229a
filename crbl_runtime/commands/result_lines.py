"""What crbl-predict prints for people: a line for each image."""

from collections.abc import Sequence
from pathlib import Path

from crbl_runtime.commands.image_result import ImageResult
from crbl_runtime.standard_streams import printable


def path_width(paths: Sequence[Path]) -> int:
    """How many characters the longest path takes on a line."""
    return max(len(printable(str(path))) for path in paths)


def result_line(result: ImageResult, width: int) -> str:
    """The path, as wide as `width`, the decision and the numbers on one line, whatever the path has in it."""
    path = f"{printable(str(result.path)):{width}}"
    if result.error is not None:
        return f"{path}  ERROR    {printable(result.error)}"
    decision = "ANOMALY" if result.is_anomaly else "normal "
    scores = "  ".join(
        f"p_{p.variant} {p.probability:.4f} ({'>' if p.is_anomaly else '<='} {p.threshold:g})"
        + ("" if p.calibrated_probability is None else f" calibrated {p.calibrated_probability:.4f}")
        + ("" if p.region_found else " no object found, whole image used")
        for p in result.predictions
    )
    notes = "; ".join(result.notes)
    return f"{path}  {decision}  {scores}" + (f"  ({printable(notes)})" if notes else "")
