"""What crbl-predict prints for people: a line for each image, and a summary."""

from collections.abc import Sequence
from pathlib import Path

from crbl_runtime.commands.image_result import ImageResult
from crbl_runtime.counted import counted
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
        + ("" if p.region_found else " no object found, whole image used")
        for p in result.predictions
    )
    notes = "; ".join(result.notes)
    return f"{path}  {decision}  {scores}" + (f"  ({printable(notes)})" if notes else "")


def summary_lines(results: Sequence[ImageResult]) -> list[str]:
    """How many images were predicted, how many are anomalous or failed, and on what it ran."""
    predicted = [result for result in results if result.error is None]
    anomalous = sum(result.is_anomaly for result in predicted)
    failed = len(results) - len(predicted)
    summary = f"{counted(len(predicted), 'image')} predicted, {anomalous} anomalous" + (
        f", {failed} failed" if failed else ""
    )
    if not predicted:
        return [summary]
    first = predicted[0].predictions[0]
    lines = [f"{summary} (on {first.provider})"]
    if first.fallback:
        lines.append(f"Fallback: {first.fallback}")
    unclear = sum(result.bit_depth_unclear for result in predicted)
    if unclear:
        from crbl_runtime.image_file.bit_depth import unclear_depth_text

        lines.append(f"Warning: {unclear_depth_text(unclear)}")
    # One machine prepares all images, those of a second model too.
    return [*lines, f"Warning: {first.preparation}"] if first.preparation else lines
