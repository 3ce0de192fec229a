"""The review page that crbl-predict writes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from crbl_runtime.commands.image_result import ImageResult
from crbl_runtime.commands.open_models import OpenModels
from crbl_runtime.detector import Detector
from crbl_runtime.errors import ImageError
from crbl_runtime.prediction import Prediction
from crbl_runtime.report.picture import Picture, picture_of_file
from crbl_runtime.report.review_page import write_review_page
from crbl_runtime.report.reviewed import ReviewedImage, ReviewedModel


@contextmanager
def review_page_as_it_grows(
    path: Path, models: OpenModels, remarks: Sequence[str]
) -> Iterator[Callable[[ImageResult], None]]:
    """Give a function that takes one result; after the block the page with all of them is written atomically.

    So it is where the block raises: what was predicted until then is shown.

    Raises:
        OutputError: the page cannot be written.
    """
    images: list[ReviewedImage] = []
    last: tuple[Prediction, ...] = ()

    def add(result: ImageResult) -> None:
        nonlocal last
        images.append(_reviewed(result, models.bit_depths))
        last = result.predictions or last

    try:
        yield add
    finally:
        if images:
            title = " + ".join(detector.path.name for detector in models.detectors)
            shown = [_model(detector, number, last) for number, detector in enumerate(models.detectors)]
            write_review_page(path, title, shown, images, remarks=remarks)


def _reviewed(result: ImageResult, bit_depths: Mapping[str, int | None]) -> ReviewedImage:
    # Both models decode the same way: CombinedDetector refuses others.
    (depth,) = set(bit_depths.values())
    picture, why_none = _picture(result.path, depth)
    notes = (*result.notes, why_none) if why_none and result.error is None else result.notes
    return ReviewedImage(result.path, result.predictions, picture, result.error, notes)


def _picture(path: Path, bit_depth: int | None) -> tuple[Picture | None, str]:
    """The picture, or why there is none: an image that was predicted may be gone since."""
    try:
        return picture_of_file(path, bit_depth), ""
    except ImageError as error:
        return None, str(error)


def _model(detector: Detector, number: int, last: Sequence[Prediction]) -> ReviewedModel:
    """What happened on the way stays true to the end, so that the last prediction tells where it ran."""
    contract = detector.contract
    prediction = last[number] if last else None
    given = prediction is not None and prediction.threshold_given
    return ReviewedModel(
        contract.variant,
        detector.path.name,
        contract.labels,
        prediction.threshold if prediction is not None else contract.threshold,
        "given with --threshold" if given else contract.threshold_source,
        prediction.provider if prediction is not None else detector.provider.kind,
        prediction.fallback if prediction is not None else detector.provider_report.fallback,
    )
