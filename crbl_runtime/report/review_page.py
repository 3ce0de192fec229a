"""The review page: all images with their scores and heatmaps, a threshold to move, and marks to make."""

from collections.abc import Sequence
from pathlib import Path

from crbl_runtime.atomic_file import write_text
from crbl_runtime.report.page import filled_page
from crbl_runtime.report.review_data import review_data
from crbl_runtime.report.reviewed import ReviewedImage, ReviewedModel


def write_review_page(
    path: Path,
    title: str,
    models: Sequence[ReviewedModel],
    images: Sequence[ReviewedImage],
    *,
    defect_rate: float | None = None,
    costs: tuple[float, float] | None = None,
    remarks: Sequence[str] = (),
) -> None:
    """Write the page atomically; for the arguments see `review_data`.

    Raises:
        OutputError: the file cannot be written.
    """
    data = review_data(title, models, images, defect_rate=defect_rate, costs=costs, remarks=remarks)
    pictures = (image.picture.webp for image in images if image.picture is not None)
    write_text(path, filled_page("crbl_runtime.report", "review.html", data, pictures))
